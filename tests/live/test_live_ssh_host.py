"""The host behind a real sshd: guests, Docker and routes made and removed by its agent, from the router."""

from collections.abc import Iterator

import pytest

from tests.live.the_lab import Lab

pytestmark = pytest.mark.lab
FOLDER = "tests/lab/.run-ssh-host"
START = f"""
set -e
rm -rf {FOLDER}; mkdir -p {FOLDER}/bin /run/sshd; chmod 700 {FOLDER}
ssh-keygen -q -t ed25519 -N '' -f {FOLDER}/host
ssh-keygen -q -t ed25519 -N '' -f {FOLDER}/user
/usr/sbin/sshd -f /dev/null -h $PWD/{FOLDER}/host -o Port=2223 -o ListenAddress=10.0.0.2 \
    -o AuthorizedKeysFile=$PWD/{FOLDER}/user.pub -o StrictModes=no -o PermitRootLogin=yes \
    -o UsePAM=no -o PidFile=$PWD/{FOLDER}/pid -o "SetEnv=PATH=$PATH" </dev/null >/dev/null 2>&1
until [ -s {FOLDER}/pid ]; do sleep 0.1; done
cat >{FOLDER}/bin/ssh <<X
#!/bin/sh
exec /usr/bin/ssh -F none -i $PWD/{FOLDER}/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "\\$@"
X
chmod +x {FOLDER}/bin/ssh
sed 's|connection: local |connection: "ssh://root@10.0.0.2:2223" |' inventory/lab.yaml >{FOLDER}/lab.yaml
"""


@pytest.fixture
def from_the_router(lab: Lab) -> Iterator[Lab]:
    lab.homelab("destroy", "--yes")
    lab.sh("host", START)
    yield lab
    lab.sh("host", f"kill $(cat {FOLDER}/pid); rm -rf {FOLDER}")
    lab.homelab("apply", "--yes")


def homelab(lab: Lab, words: str) -> str:
    """The caller has a journal of its own: in this lab it shares the disk of the host."""
    own = f"HOMELAB_STATE=$PWD/{FOLDER}/state PATH=$PWD/{FOLDER}/bin:$PWD/.venv/bin:$PATH"
    return lab.sh("router", f"{own} homelab -i {FOLDER}/lab.yaml {words}")


def test_a_host_behind_ssh_is_made_as_declared_and_left_as_it_was(from_the_router: Lab) -> None:
    lab = from_the_router
    before = lab.sh("host", "ip route")

    homelab(lab, "apply --yes")

    assert lab.pings("10.90.1.10", tries=15)
    assert "10.90.7.0/24 via 10.77.0.12" in lab.sh("host", "ip route show proto 201")
    assert "nothing to change" in homelab(lab, "apply")
    homelab(lab, "destroy --yes")
    assert lab.sh("host", "ip route") == before
