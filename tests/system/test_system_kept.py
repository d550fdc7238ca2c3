"""Files of routes: what is written into them, what is read from them, and whose are left alone."""

import os
import shutil
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from homelab.errors import OperationError
from homelab.model.inventory import Connection
from homelab.model.operation import ForgetRoute, KeepRoute
from homelab.model.persistence import KeptRoute, Persistence
from homelab.model.place import HOST, ROUTER
from homelab.model.snapshot import Snapshot
from homelab.system.doors import Door
from homelab.system.kept_routes import keep_route
from homelab.system.kept_text import READERS, parse_routes, routes_text
from homelab.system.persistence import parse_persistence, read_persistence
from homelab.system.simulated import simulate

FILES = {
    "networkd": "/etc/systemd/network/10-br0.network.d/50-homelab.conf",
    "networkmanager": "/etc/NetworkManager/dispatcher.d/50-homelab",
    "ifupdown": "/etc/network/if-up.d/homelab",
    "unit": "/etc/systemd/system/lxd.service.d/50-homelab.conf",
}
HERE = Door(HOST)


def route(keeper: str = "unit", to: str = "10.90.1.0/24", via: str = "10.77.0.11") -> KeptRoute:
    return KeptRoute(ip_network(to), ip_address(via), "br0", keeper, FILES[keeper])


@pytest.mark.parametrize("keeper", sorted(FILES))
def test_what_is_written_is_read_back_and_goes_with_its_folder(keeper: str, tmp_path: Path) -> None:
    one, six = route(keeper), route(keeper, "fd90:1::/64", "fd77::11")
    file = tmp_path / FILES[keeper].lstrip("/")
    for each in (six, one):
        keep_route(HERE, KeepRoute(HOST, each), tmp_path)

    assert parse_routes(FILES[keeper], file.read_text()) == (one, six)
    assert os.access(file, os.X_OK) == (keeper in ("networkmanager", "ifupdown"))
    foreseen = simulate(simulate(Snapshot(), KeepRoute(HOST, one)), KeepRoute(HOST, six))
    assert foreseen.persistence[HOST].routes == (one, six)

    for each in (six, one):
        keep_route(HERE, ForgetRoute(HOST, each), tmp_path)
    assert not file.exists()
    assert not file.parent.exists()


def test_a_file_that_somebody_edited_is_known_as_such() -> None:
    text = routes_text("unit", [route()])

    (seen,) = parse_routes(FILES["unit"], text.replace("10.77.0.11 dev", "10.77.0.12 dev", 1))
    assert not seen.whole
    assert parse_routes("/etc/passwd", text) == ()
    assert parse_routes(FILES["unit"], text.replace("dev br0\n", "dev $(id)\n")) == ()


@pytest.mark.parametrize("make", ["symlink", "foreign"])
def test_what_is_not_ours_is_left_alone(make: str, tmp_path: Path) -> None:
    file = tmp_path / FILES["unit"].lstrip("/")
    file.parent.mkdir(parents=True)
    other = tmp_path / "other"
    other.write_text("theirs\n")
    if make == "symlink":
        file.symlink_to(other)
    else:
        file.write_text("theirs\n")

    with pytest.raises(OperationError, match="move it away"):
        keep_route(HERE, KeepRoute(HOST, route()), tmp_path)

    assert file.read_text() == other.read_text() == "theirs\n"
    taken = Snapshot(persistence={HOST: Persistence(foreign=(FILES["unit"],))})
    with pytest.raises(OperationError, match="move it away"):
        simulate(taken, KeepRoute(HOST, route()))


@pytest.mark.parametrize(
    "bad",
    [
        KeptRoute(ip_network("10.0.0.0/8"), ip_address("10.77.0.1"), "br0", "unit", "/etc/passwd"),
        KeptRoute(ip_network("10.0.0.0/8"), ip_address("10.77.0.1"), "a;b", "unit", FILES["unit"]),
        KeptRoute(ip_network("10.0.0.0/8"), ip_address("fd77::1"), "br0", "unit", FILES["unit"]),
        KeptRoute(
            ip_network("10.0.0.0/8"), ip_address("10.77.0.1"), "br0", "networkd", FILES["unit"]
        ),
        KeptRoute(
            ip_network("10.0.0.0/8"),
            ip_address("10.77.0.1"),
            "br0",
            "networkd",
            "/etc/systemd/network/../x.network.d/50-homelab.conf",
        ),
    ],
)
def test_what_no_file_of_ours_can_hold_is_refused(bad: KeptRoute, tmp_path: Path) -> None:
    with pytest.raises(OperationError):
        keep_route(HERE, KeepRoute(HOST, bad), tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def router(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Door:
    """A machine behind ssh: a program of that name runs the command over a folder for systemd-networkd."""
    folder = tmp_path / "network"
    folder.mkdir()
    mount = f"mount --bind {folder} /etc/systemd/network"
    program = tmp_path / "ssh"
    program.write_text(
        "#!/bin/sh\nfor last; do :; done\n"
        f'exec unshare -m --propagation private sh -c \'{mount} && eval "$1"\' sh "$last"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Door(ROUTER, ssh=Connection("ssh", "root@router"))


@pytest.mark.kernel
def test_a_router_behind_ssh_is_written_and_read_by_its_own_shell(
    router: Door, tmp_path: Path
) -> None:
    one, six = route("networkd"), route("networkd", "fd90:1::/64", "fd77::11")
    file = tmp_path / "network" / "10-br0.network.d" / "50-homelab.conf"
    for each in (one, six):
        keep_route(router, KeepRoute(ROUTER, each))

    assert file.stat().st_mode & 0o777 == 0o644
    assert read_persistence(router).routes == (one, six)
    assert [each.name for each in file.parent.iterdir()] == [file.name]

    for each in (one, six):
        keep_route(router, ForgetRoute(ROUTER, each))
    assert list((tmp_path / "network").iterdir()) == []

    file.parent.mkdir()
    file.symlink_to("/etc/hostname")
    assert read_persistence(router).foreign == (FILES["networkd"],)
    with pytest.raises(OperationError, match="symbolic link"):
        keep_route(router, KeepRoute(ROUTER, one))
    file.unlink()
    file.write_text("theirs\n")
    with pytest.raises(OperationError, match="move it away"):
        keep_route(router, KeepRoute(ROUTER, one))
    assert file.read_text() == "theirs\n"


@pytest.mark.parametrize("keeper", sorted(READERS))
def test_the_programs_that_read_the_files_take_them(keeper: str, tmp_path: Path) -> None:
    text = routes_text(keeper, [route(keeper), route(keeper, "fd90:1::/64", "fd77::11")])
    if keeper == "networkd":
        assert "[Route]\nDestination=10.90.1.0/24\nGateway=10.77.0.11\nProtocol=201\n" in text
    elif keeper == "unit":
        assert "Post=-ip -6 route replace fd90:1::/64 via fd77::11 dev br0 proto 201\n" in text
    else:
        script = tmp_path / "script"
        script.write_text(text)
        ip = tmp_path / "ip"
        ip.write_text('#!/bin/sh\necho "$@"\n')
        ip.chmod(0o755)
        done = subprocess.run(
            [shutil.which("sh") or "sh", str(script), "br0", "up"],
            env={"IFACE": "br0", "PATH": f"{tmp_path}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines() == [
            "-4 route replace 10.90.1.0/24 via 10.77.0.11 dev br0 proto 201",
            "-6 route replace fd90:1::/64 via fd77::11 dev br0 proto 201",
        ]


def test_the_network_service_is_told_from_what_runs() -> None:
    printed = (
        "unit systemd-networkd.service /run/systemd/units/invocation:systemd-networkd.service\n"
        "unit lxd.service /run/systemd/units/invocation:lxd.service\n"
        "unit ifupdown2 /usr/share/ifupdown2\n"
        "unit netplan /run/systemd/network/10-netplan-br0.network\n"
        "/run/systemd/netif/links/3:NETWORK_FILE=/run/systemd/network/10-netplan-br0.network\n"
        "/sys/class/net/br0/ifindex:3\n/sys/class/net/lo/ifindex:1\n"
        f"@@{FILES['unit']}\n{routes_text('unit', [route()])}@@{FILES['ifupdown']}\nsomebody's\n"
    )

    seen = parse_persistence(printed, "@@")

    assert seen.services == {
        "networkd": "/run/systemd/units/invocation:systemd-networkd.service",
        "netplan": "/run/systemd/network/10-netplan-br0.network",
    }
    assert seen.units == ("lxd.service",)
    assert seen.links == {"br0": "/run/systemd/network/10-netplan-br0.network"}
    assert seen.routes == (route(),)
    assert seen.foreign == (FILES["ifupdown"],)
