"""Says at the end how many packets were compared with the kernel."""

from collections import Counter

import pytest

COMPARED = Counter[str]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if COMPARED:
        said = ", ".join(f"{count} {what}" for what, count in sorted(COMPARED.items()))
        terminalreporter.write_line(f"packets between model and kernel with VLANs: {said}")


@pytest.fixture
def tally() -> Counter[str]:
    return COMPARED
