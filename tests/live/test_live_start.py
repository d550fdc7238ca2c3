"""A filter kept for a guest's start is in its kernel before its init; a program that is not there keeps no guest down."""

from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from homelab.model.ingress import AllowEntry, IngressFilter
from homelab.system.kept_filters import FOLDER, filters_text
from tests.live.the_lab import Lab

pytestmark = pytest.mark.lab

FILTER = IngressFilter(
    "ingress-apps", "hl-apps", "web/apps:0a1b2c3d", (AllowEntry(ip_network("10.9.0.0/24")),)
)
HOOK = f'lxc.hook.start-host = /bin/sh -c "{FOLDER}/app.start || :"'
CHAINS = "nsenter -t $(lxc query /1.0/instances/app/state | grep -o '\"pid\": [0-9]*' | grep -o '[0-9]*$') -n nft list chains"


@pytest.fixture
def hooked(lab: Lab) -> Iterator[Lab]:
    """The guest app with a line in its raw.lxc, behind that of the lab's profile."""
    theirs = lab.sh("host", "lxc profile get default raw.lxc").strip()
    lab.sh("host", f"lxc config set app raw.lxc '{theirs}\n{HOOK}'")
    yield lab
    lab.sh("host", f"rm -f {FOLDER}/app.start; lxc config unset app raw.lxc; lxc restart app")
    lab.sh("app", "/lab/ready")


def test_a_kept_filter_is_there_before_the_guests_init(hooked: Lab) -> None:
    hooked.sh("host", "lxc restart app")
    assert "ingress-apps" not in hooked.sh("host", CHAINS)

    text = filters_text((FILTER,))
    file = f"{FOLDER}/app.start"
    hooked.sh("host", f"mkdir -p {FOLDER}; cat >{file} <<'END'\n{text}END\nchmod 755 {file}")
    hooked.sh("host", "lxc restart app")

    assert "ingress-apps" in hooked.sh("host", CHAINS)
