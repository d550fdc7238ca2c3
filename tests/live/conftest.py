"""The real lab, brought up once; every test leaves it as it found it."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.live.the_lab import LAB, ROOT, Lab


@pytest.fixture(scope="session")
def lab() -> Lab:
    up = subprocess.run([str(LAB), "up"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert up.returncode == 0, up.stdout + up.stderr
    return Lab()


@pytest.fixture
def applied(lab: Lab) -> Iterator[Lab]:
    """The lab with the inventory applied and every container answering."""
    done = lab.homelab("apply", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    lab.wait_for_containers()
    yield lab
    done = lab.homelab("apply", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
