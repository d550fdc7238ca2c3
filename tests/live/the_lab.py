"""The commands of the real lab, for the tests that use it."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LAB = ROOT / "tests/lab/lab"
CONTAINERS = {
    "web": {"front": ("10.90.1.10", 80), "api": ("10.90.1.11", 8080)},
    "db": {"pg": ("10.90.7.10", 5432), "adm": ("10.90.7.11", 80)},
    "app": {"shop": ("10.90.3.10", 80), "cart": ("10.90.3.11", 80)},
}
ADDRESSES = [address for each in CONTAINERS.values() for address in each.values()]


class Lab:
    """The lab's command, for tests: each call returns the finished process."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.environment = {**os.environ, **(environment or {})}

    def run(
        self, *words: str, timeout: float = 120, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(LAB), *words],
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=self.environment,
        )

    def host(self, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return self.run("host", "--", *words, timeout=timeout)

    def guest(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("exec", name, "--", *words)

    def sh(self, place: str, script: str) -> str:
        """Run a shell script in client, router, host or a guest; it must succeed."""
        words = (place,) if place in ("client", "router", "host") else ("exec", place)
        done = self.run(*words, "--", "sh", "-c", script)
        assert done.returncode == 0, f"{place}: {script}: {done.stdout}{done.stderr}"
        return done.stdout

    def homelab(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.host("homelab", "-i", "inventory", *words)

    def document(self, *words: str, codes: Sequence[int] = (0,)) -> Any:
        done = self.homelab(*words, "--json")
        assert done.returncode in codes, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def pings(self, address: str, tries: int = 1) -> bool:
        words = ("ping", "-c", "1", "-W", "1", address)
        return any(self.run("client", "--", *words).returncode == 0 for _ in range(tries))

    def serves(self, address: str, port: int) -> bool:
        url = f"http://{address}:{port}/"
        script = f"import urllib.request as r; print(r.urlopen('{url}', timeout=2).read().decode())"
        done = self.run("client", "--", "python3", "-c", script)
        return done.returncode == 0 and bool(done.stdout)

    def wait_for_containers(self) -> None:
        """Containers start by themselves as soon as their networks exist."""
        for address, _ in ADDRESSES:
            assert self.pings(address, tries=15), f"{address} does not answer"
