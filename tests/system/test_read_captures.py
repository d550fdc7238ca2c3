"""Every capture of a real lab is read completely."""

from pathlib import Path

import pytest

from tests.captured import DOCKER, daemon, name, namespace, snapshot


@pytest.mark.parametrize("folder", DOCKER, ids=name)
def test_a_captured_guest_is_read_without_a_gap(folder: Path) -> None:
    assert namespace(folder).unread == {}
    assert namespace(folder).rulesets
    assert namespace(folder).sysctls["net.ipv4.ip_forward"] in ("0", "1")


@pytest.mark.parametrize("folder", DOCKER, ids=name)
def test_a_captured_daemon_tells_its_bridges_and_the_addresses_of_its_containers(
    folder: Path,
) -> None:
    links = {each.name for each in namespace(folder).links}

    bridges = {each.bridge for each in daemon(folder).networks if each.driver == "bridge"}

    assert bridges <= links
    assert all(each.attachments for each in daemon(folder).containers)


@pytest.mark.parametrize("folder", DOCKER, ids=name)
def test_a_captured_container_hangs_on_the_port_of_its_bridge(folder: Path) -> None:
    lab = snapshot(folder)
    inodes = {each.inode: each for each in lab.namespaces.values()}

    for place, inside in lab.namespaces.items():
        if place.startswith("container:"):
            eth0 = inside.links[-1]
            outside = inodes[inside.netns_ids[eth0.peer_netns or 0]]
            port = next(each for each in outside.links if each.index == eth0.peer)
            assert port.peer == eth0.index
            assert outside.netns_ids[port.peer_netns or 0] == inside.inode
