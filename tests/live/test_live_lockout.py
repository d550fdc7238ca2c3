"""An apply over ssh that cuts its own path comes back by itself, with nobody typing."""

import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.live.test_live_main_job import look
from tests.live.the_lab import LAB, ROOT, Lab

pytestmark = pytest.mark.lab

FOLDER = "tests/lab/.run-lockout"
OPERATOR = "10.55.0.9"
START = f"""
set -e
rm -rf {FOLDER}; mkdir -p {FOLDER} /run/sshd; chmod 700 {FOLDER}
ssh-keygen -q -t ed25519 -N '' -f {FOLDER}/host
ssh-keygen -q -t ed25519 -N '' -f {FOLDER}/user
/usr/sbin/sshd -f /dev/null -h $PWD/{FOLDER}/host -o Port=2222 -o ListenAddress=10.0.0.2 \
    -o AuthorizedKeysFile=$PWD/{FOLDER}/user.pub -o StrictModes=no -o PermitRootLogin=yes \
    -o UsePAM=no -o PidFile=$PWD/{FOLDER}/pid
until [ -s {FOLDER}/pid ]; do sleep 0.1; done
cat >{FOLDER}/lab.yaml <<'X'
hosts: {{nuc: {{connection: local, uplink: eth0}}}}
guests:
  web:
    nic: {{network: lxdbr0, address: 10.77.0.11}}
    networks: {{apps: {{subnet: 10.55.0.0/24}}}}
X
"""


@pytest.fixture
def operated(lab: Lab) -> Iterator[Lab]:
    """The bare lab, and an operator behind the router whom the host reaches by its default route."""
    done = lab.homelab("destroy", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    lab.sh("client", f"ip addr add {OPERATOR}/32 dev lo")
    lab.sh("router", f"ip route add {OPERATOR} via 10.0.0.100")
    lab.sh("host", START)
    yield lab
    lab.sh("host", f"kill $(cat {FOLDER}/pid); rm -rf {FOLDER}")
    lab.sh("router", f"ip route del {OPERATOR}")
    lab.sh("client", f"ip addr del {OPERATOR}/32 dev lo")
    done = lab.homelab("apply", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr


def ssh(*command: str) -> list[str]:
    return [
        *(str(LAB), "client", "--", "ssh", "-F", "none", "-b", OPERATOR, "-p", "2222"),
        *("-i", f"{ROOT}/{FOLDER}/user", "-o", "StrictHostKeyChecking=no"),
        *("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=2"),
        *("-o", "ServerAliveInterval=2", "-o", "ServerAliveCountMax=1", "root@10.0.0.2", *command),
    ]


def gets_in() -> bool:
    return subprocess.run(ssh("true"), capture_output=True, check=False).returncode == 0


def homelab(lab: Lab, words: str) -> str:
    """The command as ssh would start it: in the lab's folder, with the lab's LXD in reach."""
    setting = lab.sh("host", "echo LXD_DIR=$LXD_DIR LXD_CONF=$LXD_CONF PATH=$PATH").strip()
    return f"cd {ROOT} && env {setting} homelab -i {FOLDER}/lab.yaml {words}"


def test_a_cut_session_is_given_back(operated: Lab) -> None:
    before = look(operated)
    assert gets_in()

    session = subprocess.Popen(
        ssh(homelab(operated, "apply --yes --confirm-within 6")),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 20
    while "10.55.0.0/24" not in operated.sh("host", "ip route") and time.monotonic() < until:
        time.sleep(0.2)

    assert "10.55.0.0/24 via 10.77.0.11" in operated.sh("host", "ip route")
    assert not gets_in()
    assert session.wait(30) != 0
    while not gets_in() and time.monotonic() < until + 20:
        time.sleep(0.5)
    assert gets_in()
    while operated.document("history")["pending"] and time.monotonic() < until + 30:
        time.sleep(0.5)
    assert look(operated) == before
    assert operated.document("history")["revisions"][-1]["outcome"] == "rolled back"


def test_a_change_of_the_own_path_has_to_be_confirmed_unasked(operated: Lab) -> None:
    words = (
        f"export SSH_CONNECTION='{OPERATOR} 40000 10.0.0.2 22'; {homelab(operated, 'apply --yes')}"
    )

    done = operated.host("sh", "-c", words)

    assert done.returncode == 0, done.stderr
    assert f"touches the path of your own session from {OPERATOR}" in done.stderr
    assert operated.document("history")["pending"]["waits"]
    assert operated.host("homelab", "rollback").returncode == 0
    assert "10.55.0.0/24" not in operated.sh("host", "ip route")
