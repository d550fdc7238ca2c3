"""The router behind a real sshd: the same routes, programmed and removed over ssh."""

from collections.abc import Iterator

import pytest

from tests.live.the_lab import Lab

pytestmark = pytest.mark.lab
FOLDER = "tests/lab/.run-ssh"
START = f"""
set -e
rm -rf {FOLDER}; mkdir -p {FOLDER} /run/sshd; chmod 700 {FOLDER}
ssh-keygen -q -t ed25519 -N '' -f {FOLDER}/host
ssh-keygen -q -t ed25519 -N '' -f {FOLDER}/user
/usr/sbin/sshd -f /dev/null -h $PWD/{FOLDER}/host -o Port=2222 -o ListenAddress=10.0.0.1 \
    -o AuthorizedKeysFile=$PWD/{FOLDER}/user.pub -o StrictModes=no -o PermitRootLogin=yes \
    -o UsePAM=no -o PidFile=$PWD/{FOLDER}/pid
until [ -s {FOLDER}/pid ]; do sleep 0.1; done
"""
# ssh reads its options from the user's own file: a wrapper in front of it gives it ours.
WRAP = f"""
mkdir -p {FOLDER}/bin
cat >{FOLDER}/bin/ssh <<'X'
#!/bin/sh
exec /usr/bin/ssh -F none -i "$SSH_FOLDER/user" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$@"
X
chmod +x {FOLDER}/bin/ssh
sed 's|netns://router|ssh://root@10.0.0.1:2222|' inventory/lab.yaml >{FOLDER}/lab.yaml
"""


@pytest.fixture
def behind_ssh(lab: Lab) -> Iterator[Lab]:
    lab.homelab("destroy", "--yes")
    lab.sh("router", START)
    lab.sh("host", WRAP)
    yield lab
    lab.sh("router", f"kill $(cat {FOLDER}/pid); rm -rf {FOLDER}")
    lab.homelab("apply", "--yes")


def homelab(lab: Lab, words: str) -> str:
    path = f"SSH_FOLDER=$PWD/{FOLDER} PATH=$PWD/{FOLDER}/bin:$PATH"
    return lab.sh("host", f"{path} homelab -i {FOLDER}/lab.yaml {words}")


def test_a_router_behind_ssh_is_read_programmed_and_left_as_it_was(behind_ssh: Lab) -> None:
    before = behind_ssh.sh("router", "ip route; ip -6 route")

    homelab(behind_ssh, "apply --yes")

    assert behind_ssh.pings("10.90.1.10", tries=15)
    assert "10.90.7.0/24 via 10.0.0.2" in behind_ssh.sh("router", "ip route show proto 201")
    assert "nothing to change" in homelab(behind_ssh, "apply")
    homelab(behind_ssh, "destroy --yes")
    assert behind_ssh.sh("router", "ip route; ip -6 route") == before
