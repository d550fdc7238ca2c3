"""What the real daemons and their simulation promise alike: Docker's networks, LXD's keys and devices.

Runs inside the lab's host namespace, in a process of its own, on a network and keys of its own.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LAB = ROOT / "tests/lab/lab"
DRIVER = Path(__file__).parent / "lab_driver.py"

pytestmark = pytest.mark.lab


def driven(*words: str) -> Any:
    done = subprocess.run(
        [LAB, "host", "--", ROOT / ".venv/bin/python", "-W", "error", DRIVER, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("guest", ["web", "db", "app"])
def test_a_docker_network_comes_is_refused_twice_and_goes(guest: str) -> None:
    told = driven("network", guest)

    assert told["differences"] == {}
    assert "overlaps network scratch with 10.99.7.0/24" in told["overlap"]
    assert "already exists" in told["twice"]
    assert told["left"] is True


@pytest.mark.parametrize("guest", ["web", "db", "app"])
def test_a_container_is_moved_and_keeps_its_address(guest: str) -> None:
    told = driven("container", guest)

    assert told["differences"] == {}
    assert told["addresses"] == ["10.99.7.20", "10.99.7.20"]
    assert "has containers attached (scratch-one)" in told["refused"]
    assert told["left"] is True


def test_keys_and_devices_of_a_guest_are_set_and_taken_back() -> None:
    told = driven("instance", "web")

    assert told["differences"] == {}
    assert told["left"] is True


def test_a_restarted_guest_is_back_when_the_operation_returns() -> None:
    told = driven("restart", "db")

    assert told["differences"] == {}
    assert told["daemon"] is True
