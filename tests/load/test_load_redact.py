"""A redacted snapshot tells the same network, and nothing that its owner would not show."""

from pathlib import Path

import pytest

from homelab.load.redact import REDACTED, redact
from homelab.load.snapshot import dump_snapshot
from homelab.model.docker import Daemon, DockerNetwork
from homelab.model.kernel import FdbEntry, Link, Namespace, Neighbour, Ruleset
from homelab.model.lxc import Instance, InstanceNetwork, Runtime
from homelab.model.place import HOST, guest
from homelab.model.snapshot import Snapshot
from tests.captured import DOCKER, name, snapshot

MAC = "00:16:3e:4b:d0:2c"


@pytest.mark.parametrize("folder", DOCKER, ids=name)
def test_no_hardware_address_of_a_captured_lab_is_left(folder: Path) -> None:
    taken = snapshot(folder)
    macs = {each.mac for one in taken.namespaces.values() for each in one.links if each.mac}

    shown = dump_snapshot(redact(taken))

    assert macs
    assert not [each for each in macs if each in shown]
    assert "10.90.1" in shown


def test_a_hardware_address_stays_the_same_everywhere() -> None:
    seen = Namespace(
        links=(Link(1, "lo"), Link(2, "eth0", mac=MAC)),
        neighbours=(
            Neighbour("eth0", snapshot(DOCKER[0]).namespaces[HOST].addresses[0].interface.ip, MAC),
        ),
        fdb=(FdbEntry("eth0", MAC.upper()), FdbEntry("eth0", "ff:ff:ff:ff:ff:ff")),
        rulesets=(Ruleset("nft", f"ether saddr {MAC} drop"),),
    )

    hidden = redact(Snapshot(namespaces={HOST: seen})).namespaces[HOST]

    mac = hidden.links[1].mac
    assert hidden.links[0].mac is None
    assert mac is not None
    assert mac != MAC
    assert hidden.neighbours[0].mac == mac
    assert [each.mac for each in hidden.fdb] == [mac, "ff:ff:ff:ff:ff:ff"]
    assert hidden.rulesets[0].text == f"ether saddr {mac} drop"


def test_secrets_of_instances_and_networks_are_gone_and_what_matters_stays() -> None:
    config = {
        "security.nesting": "true",
        "user.user-data": "#cloud-config\npassword: x",
        "user.homelab.network": "apps",
        "environment.API": "x",
        "volatile.eth0.hwaddr": MAC,
        "cloud-init.user-data": "x",
    }
    devices = {"eth0": {"type": "nic", "hwaddr": MAC}}
    instance = Instance("web", "Running", 1, (), config, devices, config, devices)
    networks = (InstanceNetwork("lxdbr0", config={"bgp.peers.a.password": "x"}),)

    hidden = redact(Snapshot(runtime=Runtime("lxd", "5.0.2", (instance,), networks))).runtime

    assert hidden is not None
    kept = hidden.instances[0].config
    assert kept["security.nesting"] == "true"
    assert kept["user.homelab.network"] == "apps"
    assert kept["user.user-data"] == kept["environment.API"] == REDACTED
    assert kept["cloud-init.user-data"] == REDACTED
    assert MAC not in str(hidden)
    assert hidden.networks[0].config == {"bgp.peers.a.password": REDACTED}


def test_labels_of_docker_networks_lose_their_secrets() -> None:
    labels = {"homelab.network": "web/apps", "deploy_token": "x"}
    daemon = Daemon("28.5.2", networks=(DockerNetwork("1" * 64, "apps", labels=labels),))

    hidden = redact(Snapshot(daemons={guest("web"): daemon})).daemons[guest("web")]

    assert hidden.networks[0].labels == {"homelab.network": "web/apps", "deploy_token": REDACTED}
