"""The Docker daemon of a guest: what it says, what it may do wrong, and where it may not lead us."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from homelab.errors import UnreadableError
from homelab.model.docker import Daemon, PublishedPort
from homelab.system import docker_read
from homelab.system.docker_read import connect, read_daemon
from homelab.system.parse_docker import container_id, parse_daemon
from homelab.system.rows import UnparsableError
from tests.captured import CAPTURES, daemon
from tests.daemons import Answer, drip, hang, listening, say, say_text

CAPTURE = CAPTURES / "docker-28.5" / "default-fwd0"
VERSION = json.loads((CAPTURE / "docker-version.json").read_text())["Server"]
NETWORKS = json.loads((CAPTURE / "docker-network-inspect.json").read_text())
CONTAINERS = json.loads((CAPTURE / "docker-inspect.json").read_text())
HEALTHY: dict[str, Answer] = {
    "/version": say(VERSION),
    "/info": say({"FirewallBackend": {"Driver": "iptables"}}),
    "/networks": say(NETWORKS),
    "/containers/json": say([{"Id": each["Id"]} for each in CONTAINERS]),
    **{f"/containers/{each['Id']}/json": say(each) for each in CONTAINERS},
}
SOCKET = "run/docker.sock"


def refused(root: Path, timeout: float = 1.0) -> str:
    with pytest.raises(UnreadableError) as error:
        read_daemon(str(root), timeout)
    return str(error.value)


def test_a_daemon_is_read_as_it_was_captured(tmp_path: Path) -> None:
    with listening(tmp_path / SOCKET, HEALTHY) as asked:
        found = read_daemon(str(tmp_path))

    assert found is not None
    assert found.firewall == "iptables"
    assert (found.networks, found.containers) == (
        daemon(CAPTURE).networks,
        daemon(CAPTURE).containers,
    )
    assert len(asked) == 4 + len(CONTAINERS)
    assert asked[1].startswith("/v1.51/")


def test_an_old_daemon_is_spoken_to_in_its_own_version_and_not_asked_what_it_does_not_know(
    tmp_path: Path,
) -> None:
    old = HEALTHY | {"/version": say(VERSION | {"ApiVersion": "1.41"})}

    with listening(tmp_path / SOCKET, old) as asked:
        read_daemon(str(tmp_path))

    assert not [each for each in asked if "info" in each]
    assert asked[1].startswith("/v1.41/")


def test_a_container_that_goes_while_we_look_is_left_out(tmp_path: Path) -> None:
    gone = f"/containers/{CONTAINERS[0]['Id']}/json"
    answers = {path: each for path, each in HEALTHY.items() if path != gone}

    with listening(tmp_path / SOCKET, answers):
        found = read_daemon(str(tmp_path))

    assert found is not None
    assert len(found.containers) == len(CONTAINERS) - 1


def test_a_guest_without_docker_has_none_and_no_gap(tmp_path: Path) -> None:
    assert read_daemon(str(tmp_path)) is None


def test_a_guest_with_docker_but_without_a_socket_has_its_daemon_down(tmp_path: Path) -> None:
    (tmp_path / "var/lib/docker").mkdir(parents=True)

    assert refused(tmp_path) == "daemon down: there is no /run/docker.sock"
    with pytest.raises(UnreadableError, match="daemon down"):
        connect(str(tmp_path))


def test_a_socket_that_nobody_listens_on_is_a_daemon_that_is_down(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / SOCKET))

    assert refused(tmp_path) == "daemon down"
    with pytest.raises(UnreadableError, match="daemon down"):
        connect(str(tmp_path))


def test_a_client_for_operations_speaks_the_version_of_the_daemon(tmp_path: Path) -> None:
    with listening(tmp_path / SOCKET, HEALTHY):
        client = connect(str(tmp_path))
        assert [each["Name"] for each in client.networks()] == [each["Name"] for each in NETWORKS]
        client.close()


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"/version": hang}, "does not answer within 0.3 s"),
        ({"/version": drip}, "does not answer within 0.6 s"),
        ({"/networks": hang}, "does not answer within 0.3 s"),
        ({"/version": say_text("{")}, "Expecting"),
        ({"/version": say_text("[" * 100_000)}, "recursion"),
        ({"/version": say([])}, "expected an object, found list '[]'"),
        ({"/version": say({"ApiVersion": "1.99.x"})}, "not a version of the API: '1.99.x'"),
        ({"/version": say({"ApiVersion": "1.2"})}, "API versions below 1.24"),
        ({"/networks": say({"a": 1})}, "expected a list, found dict"),
        ({"/networks": say([{"Name": "a\x1b", "Id": "0" * 64}])}, "not the name of a network"),
        ({"/containers/json": say([{"Id": "../../x"}])}, "not an id: '../../x'"),
        ({"/containers/json": say([5])}, "expected an object, found int '5'"),
        ({"/info": say_text('{"message": "no\\u001b[31m"}', 500)}, '("no?[31m")'),
        (
            {"/version": say_text("", 302, {"Location": "http://192.0.2.1/"})},
            "404 Client Error",
        ),
    ],
)
def test_what_a_daemon_does_wrong_is_a_reason_in_bounded_time(
    tmp_path: Path, answers: dict[str, Answer], reason: str
) -> None:
    with listening(tmp_path / SOCKET, answers | HEALTHY | answers):
        assert reason in refused(tmp_path, 0.3)


def test_an_answer_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_read, "_LIMIT", 1000)

    with listening(tmp_path / SOCKET, HEALTHY | {"/networks": say_text(" " * 2000)}):
        assert refused(tmp_path) == "an answer of more than 1000 bytes"


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    (tmp_path / "guest/run").mkdir(parents=True)
    return tmp_path / "guest"


def planted(guest: Path, link: str, host: Path) -> None:
    """A guest that puts a symbolic link where its Docker socket is expected."""
    (guest / SOCKET).symlink_to(link.format(host=host))


@pytest.mark.parametrize(
    "link",
    [
        "{host}",
        "../../host.sock",
        "../../../../../../../../../../../..{host}",
        "/proc/self/root{host}",
    ],
)
def test_a_link_planted_by_a_guest_never_leads_to_a_socket_of_the_host(
    tmp_path: Path, guest: Path, link: str
) -> None:
    with listening(tmp_path / "host.sock", HEALTHY) as asked:
        planted(guest, link, tmp_path / "host.sock")

        assert read_daemon(str(guest)) is None
        with pytest.raises(UnreadableError):
            connect(str(guest))

    assert asked == []


@pytest.mark.kernel
@pytest.mark.parametrize("link", ["{host}", "../../../../../../..{host}"])
def test_nor_does_it_through_the_root_of_a_real_process(
    tmp_path: Path, guest: Path, link: str
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    code = "import os,sys,time;os.chroot(sys.argv[1]);os.chdir('/');print(flush=True);time.sleep(9)"
    planted(guest, link, tmp_path / "host.sock")
    with (
        listening(tmp_path / "host.sock", HEALTHY) as asked,
        subprocess.Popen(
            [sys.executable, "-c", code, str(guest)], stdout=subprocess.PIPE
        ) as process,
    ):
        assert process.stdout is not None
        process.stdout.readline()
        root = f"/proc/{process.pid}/root"
        followed = (Path(root) / SOCKET).resolve()
        found = read_daemon(root)
        process.kill()

    assert followed == tmp_path / "host.sock"
    assert found is None
    assert asked == []


def test_a_link_in_place_of_a_folder_never_leads_out_either(tmp_path: Path, guest: Path) -> None:
    (guest / "run").rmdir()
    (guest / "run").symlink_to(tmp_path)
    (guest / "var").symlink_to("/")

    with listening(tmp_path / "docker.sock", HEALTHY) as asked:
        assert read_daemon(str(guest)) is None

    assert asked == []


def test_a_link_through_a_descriptor_of_ours_is_refused(tmp_path: Path, guest: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc here")
    (guest / "proc").mkdir()
    with listening(tmp_path / "host.sock", HEALTHY) as asked:
        handle = os.open(tmp_path, os.O_PATH)
        planted(guest, f"/proc/self/fd/{handle}/host.sock", tmp_path)
        found = read_daemon(str(guest))
        os.close(handle)

    assert found is None
    assert asked == []


def test_a_link_within_the_guest_is_followed(guest: Path) -> None:
    (guest / "var").mkdir()
    (guest / "run").rmdir()
    (guest / "run").symlink_to("/var")

    with listening(guest / "var/docker.sock", HEALTHY):
        assert read_daemon(str(guest)) is not None


def test_a_pipe_in_place_of_the_socket_is_refused_without_waiting(guest: Path) -> None:
    os.mkfifo(guest / SOCKET)

    assert refused(guest) == "docker.sock: is no socket"


def test_a_file_in_place_of_the_socket_is_refused(guest: Path) -> None:
    (guest / SOCKET).write_text("")

    assert refused(guest) == "docker.sock: is no socket"


def test_a_link_that_turns_in_a_circle_is_refused(guest: Path) -> None:
    (guest / SOCKET).symlink_to("docker.sock")

    assert "too many levels of symbolic links" in refused(guest)


def test_a_guest_that_is_gone_is_a_reason(tmp_path: Path) -> None:
    assert "no such file or directory" in refused(tmp_path / "gone")


def one(**more: object) -> Daemon:
    container = {"Id": "c" * 64, "Name": "/app", "State": {"Status": "exited", "Pid": 0}} | more
    return parse_daemon({"Version": "29.7.2"}, {}, [], [container])


def test_the_ports_of_a_stopped_container_are_those_that_its_user_asked_for() -> None:
    bindings = {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "53/udp": None}

    found = one(HostConfig={"PortBindings": bindings, "NetworkMode": "apps"}).containers[0]

    assert found.published == (PublishedPort("tcp", 80, "", 8080),)
    assert found.network_mode == "apps"
    assert not found.is_running


def test_a_port_published_without_a_port_of_the_host_is_zero() -> None:
    ports = {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": ""}]}}

    assert one(NetworkSettings=ports).containers[0].published[0].host_port == 0


def test_an_address_that_is_none_in_the_words_of_docker_29() -> None:
    networks = {"apps": {"IPAddress": "invalid IP", "IPAMConfig": None, "MacAddress": ""}}

    (attachment,) = one(NetworkSettings={"Networks": networks}).containers[0].attachments

    assert (attachment.ipv4, attachment.mac) == (None, None)


def test_half_a_surrogate_pair_in_a_label_becomes_a_character_that_can_be_written() -> None:
    network = {"Id": "0" * 64, "Name": "n", "Driver": "bridge", "Labels": {"a": "\ud800ä"}}

    (found,) = parse_daemon({}, {}, [network], []).networks

    assert found.labels == {"a": "?ä"}
    assert found.bridge == "br-000000000000"


@pytest.mark.parametrize(
    "more",
    [
        {"Name": "/../x"},
        {"Name": 5},
        {"NetworkSettings": {"Ports": {"http": []}}},
        {"NetworkSettings": {"Networks": {"a": {"IPAddress": "10.0.0.256"}}}},
        {"State": {"Pid": "x"}},
        {"Id": ""},
    ],
)
def test_a_container_of_another_shape_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(UnparsableError):
        one(**more)


def test_a_network_of_another_shape_is_refused() -> None:
    network = {"Id": "0" * 64, "Name": "n", "IPAM": {"Config": [{"Subnet": "x"}]}}

    with pytest.raises(UnparsableError):
        parse_daemon({}, {}, [network], [])


def test_the_network_of_a_swarm_has_an_id_of_another_kind() -> None:
    assert container_id({"Id": "vqnjrlgcxpnsdqlbtuvnbgwls"}) == "vqnjrlgcxpnsdqlbtuvnbgwls"
