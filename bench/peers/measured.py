"""Run a command, and print its exit code, its wall time, and the peak memory of its largest process, as JSON."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

begin = time.perf_counter()
with Path(sys.argv[1]).open("w") as log:
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    _, status, usage = os.wait4(child.pid, 0)
child.returncode = os.waitstatus_to_exitcode(status)
seconds = time.perf_counter() - begin
print(json.dumps([child.returncode, seconds, usage.ru_maxrss / 1024]))
