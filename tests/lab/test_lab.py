"""The lab itself: it comes up, does what its users rely on, and leaves nothing behind."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LAB = str(HERE / "lab")
# A lab of its own: to take down the one that people and other tests work with is not a test's business.
NAME = f"test{os.getpid()}"
ENVIRONMENT = {**os.environ, "HOMELAB_LAB": NAME}
TITLE = f"homelab-lab-{NAME}"
RUN = Path("/run") / TITLE
GUESTS = {"web": "20.10.", "db": "26.1.", "app": "28."}
BUILDING = 1800
FIND_PROCESSES = f"find /sys/fs/cgroup/{TITLE} -name cgroup.procs -exec cat {{}} +"


def lab(*words: str, stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LAB, *words],
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=ENVIRONMENT,
    )


def sh(place: str, script: str) -> str:
    words = ("exec", place) if place in GUESTS else (place,)
    done = lab(*words, "--", "sh", "-c", script)
    assert done.returncode == 0, f"{place}: {script}: {done.stdout}{done.stderr}"
    return done.stdout


def up() -> None:
    done = lab("up", timeout=BUILDING)
    assert done.returncode == 0, done.stderr


def down() -> None:
    done = lab("down")
    assert done.returncode == 0, done.stderr


def wait_until(holds: Callable[[], bool], patience: float = 20) -> None:
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, f"not within {patience} s"
        time.sleep(0.1)


def containers(guest: str) -> dict[str, str]:
    listed = sh(guest, "docker ps -a --format '{{.Names}} {{.State}}'").split()
    return dict(zip(listed[::2], listed[1::2], strict=True))


def address_of(guest: str) -> str:
    """Empty between two leases."""
    words = sh(guest, "ip -4 -o addr show dev eth0").split()
    return words[3].partition("/")[0] if words else ""


def page(address: str, port: int) -> str:
    url = f"http://{address}:{port}/"
    script = f"import urllib.request as r; print(r.urlopen('{url}', timeout=3).read().decode())"
    return lab("host", "--", "python3", "-c", script).stdout.strip()


def files() -> Path:
    return Path((RUN / "where").read_text())


def holder() -> int:
    return int((files() / "holder").read_text().split()[0])


def namespaces(pids: Iterable[str]) -> Iterator[Path]:
    for pid in pids:
        yield from (Path(f"/proc/{pid}/ns/{kind}") for kind in ("mnt", "net", "pid"))


def identities(links: Iterable[Path]) -> set[int]:
    found = set()
    for link in links:
        # A process ended meanwhile, or is none of our business.
        with suppress(OSError):
            found.add(link.stat().st_ino)
    return found


def running() -> list[str]:
    return [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]


@pytest.fixture(scope="module", autouse=True)
def fresh_lab() -> Iterator[None]:
    down()
    up()
    yield
    down()


def test_up_is_safe_to_repeat_and_then_changes_nothing() -> None:
    before = holder()

    up()

    assert holder() == before


def test_status_names_guests_addresses_and_versions() -> None:
    done = lab("status")

    assert done.returncode == 0
    for guest, version in GUESTS.items():
        line = next(line for line in done.stdout.splitlines() if line.startswith(guest))
        assert f"Docker {version}" in line
        assert "10.77.0." in line
        assert "fd77::" in line


@pytest.mark.parametrize("guest", GUESTS)
def test_each_guest_has_its_generation_of_docker(guest: str) -> None:
    version = sh(guest, "docker version --format '{{.Server.Version}}'")

    assert version.startswith(GUESTS[guest])


@pytest.mark.parametrize("place", ["client", "router", "host", "web"])
def test_a_command_gets_its_input_and_gives_its_status(place: str) -> None:
    words = ("exec", place) if place in GUESTS else (place,)
    done = lab(*words, "--", "sh", "-c", "cat; echo trouble >&2; exit 7", stdin="hello")

    assert (done.returncode, done.stdout, done.stderr) == (7, "hello", "trouble\n")


def test_a_signal_reaches_the_command() -> None:
    with subprocess.Popen([LAB, "client", "--", "sleep", "60"], env=ENVIRONMENT) as process:
        wait_until(lambda: b"sleep" in Path(f"/proc/{process.pid}/cmdline").read_bytes()[:6])
        process.terminate()

        assert process.wait(timeout=5) == -signal.SIGTERM


def test_the_host_has_the_checkout_its_lxd_and_the_directory_of_the_caller() -> None:
    assert sh("host", "pwd").strip() == str(ROOT)
    assert sh("host", "command -v homelab").strip() == str(HERE / "shim/homelab")
    assert set(sh("host", "lxc list -f csv -c n").split()) == set(GUESTS)


def test_the_places_are_named_namespaces_in_a_lan() -> None:
    names = {line.split()[0] for line in sh("host", "ip netns").splitlines()}

    assert names == {"client", "router", "host"}
    for address in ("10.0.0.1", "10.0.0.2", "10.77.0.1", "fd00:10::1", "fd00:10::2", "fd77::1"):
        sh("client", f"ping -c 1 -W 2 {address}")


def test_what_is_written_to_the_machines_settings_stays_in_the_lab() -> None:
    sh("host", "touch /etc/sysctl.d/60-lab-test.conf /var/lib/homelab/lab-test")

    assert not Path("/etc/sysctl.d/60-lab-test.conf").exists()
    assert not Path("/var/lib/homelab/lab-test").exists()


def test_containers_follow_their_network() -> None:
    assert containers("web") == {}
    sh("web", "docker network create --subnet 10.90.1.0/24 apps")
    wait_until(lambda: containers("web") == {"front": "running", "api": "running"})

    sh("host", f"ip route replace 10.90.1.0/24 via {address_of('web')}")
    sh("web", "iptables -I DOCKER-USER -d 10.90.1.0/24 -j ACCEPT")
    wait_until(lambda: page("10.90.1.10", 80) == "guest web container front")
    assert page("10.90.1.11", 8080) == "guest web container api"
    sh("host", "ping -c 1 -W 2 10.90.1.10")

    sh("web", "for each in front api; do docker network disconnect apps $each; done")
    sh("web", "docker network rm apps")
    sh("web", "docker network create --subnet 10.90.1.0/24 apps")
    wait_until(lambda: page("10.90.1.10", 80) == "guest web container front")


def test_a_container_that_was_stopped_stays_stopped_until_dockerd_starts_anew() -> None:
    sh("web", "docker stop front")
    sh("web", "docker network disconnect apps api")
    wait_until(lambda: page("10.90.1.11", 8080) == "guest web container api")
    assert containers("web") == {"front": "exited", "api": "running"}

    sh("web", "dockerd-restart")
    wait_until(lambda: containers("web") == {"front": "running", "api": "running"})


@pytest.mark.parametrize("guest", GUESTS)
def test_a_dockerd_that_was_killed_stays_down_until_it_is_restarted(guest: str) -> None:
    sh(guest, "kill -9 $(cat /run/docker.pid); sleep 1")
    assert lab("exec", guest, "--", "docker", "version").returncode != 0
    assert lab("status").returncode == 1

    sh(guest, "dockerd-restart")
    assert lab("status").returncode == 0


def test_a_guest_takes_another_fixed_address_and_survives_a_restart() -> None:
    sh("host", "lxc config device set db eth0 ipv4.address=10.77.0.112")
    sh("db", "dhcp-renew")
    wait_until(lambda: address_of("db") == "10.77.0.112")

    sh("host", "lxc restart db")
    sh("db", "/lab/ready")
    assert address_of("db") == "10.77.0.112"
    assert "via 10.77.0.1 dev eth0" in sh("db", "ip route show default")


def test_a_daemon_that_was_killed_is_brought_back() -> None:
    pid = sh("host", "lxc query /1.0 | sed -n 's/.*\"server_pid\": *\\([0-9]*\\).*/\\1/p'")
    os.kill(int(pid), signal.SIGKILL)
    assert lab("status").returncode == 1

    up()
    assert lab("status").returncode == 0


def test_nothing_is_left_after_a_crash_and_down() -> None:
    before = Path("/proc/self/mounts").read_text()
    links = [link for link in namespaces(sh("host", FIND_PROCESSES).split()) if link.exists()]
    folder = files()
    with ExitStack() as pinned:
        # The number of a namespace that ended may go to a new one, unless somebody holds it.
        for link in links:
            pinned.enter_context(link.open())
        ours = identities(links) - identities(namespaces(["self"]))
        assert ours
        os.kill(holder(), signal.SIGKILL)
        wait_until(lambda: lab("status").stdout == "lab: down\n")

        down()
        down()
        # What was killed takes its time to end.
        wait_until(lambda: not ours & identities(namespaces(running())))
    assert not [path for path in (folder, RUN, Path(f"{RUN}.lock")) if path.exists()]
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{TITLE}"))
    mounted = set(Path("/proc/self/mounts").read_text().splitlines()) - set(before.splitlines())
    assert not [line for line in mounted if TITLE in line or str(HERE) in line]
    assert lab("exec", "web", "--", "true").returncode == 2


@pytest.mark.parametrize("words", [(), ("sideways",), ("exec", "web"), ("client", "true")])
def test_a_wrong_call_gets_the_usage_and_status_2(words: tuple[str, ...]) -> None:
    done = lab(*words)

    assert done.returncode == 2
    assert done.stderr.startswith("usage: lab up | down | status")
