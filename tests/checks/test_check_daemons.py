"""Daemons that do not start, or will not again, and guests whose sysctls nobody can set."""

from dataclasses import replace

import pytest

from homelab.model.docker import DaemonFile, PublishedPort
from homelab.model.finding import Finding
from homelab.model.place import HOST
from homelab.model.snapshot import Snapshot
from homelab.system.simulated import SimulatedSystem
from homelab.workflow.look import Diagnosis, exit_code
from tests.checks.cases import (
    NO_RULES,
    WEB,
    at,
    check,
    codes,
    daemon,
    front,
    judged,
    lab,
    only,
    rules,
    sysctls,
    wanted,
)

DOWN = "daemon down: there is no /run/docker.sock"
SAID = (
    "unable to configure the Docker daemon with file /etc/docker/daemon.json: the following directives "
    "don't match any configuration option: colour"
)
NFTABLES = DaemonFile(("firewall-backend",), {"firewall-backend": "nftables"})


def commands(finding: Finding) -> tuple[str, ...]:
    assert finding.fix is not None
    return finding.fix.commands


def down(file: DaemonFile | None = None, reason: str = DOWN) -> Snapshot:
    files = {WEB: file} if file else {}
    return lab(daemons={}, unread={"guest:web/docker": reason}, daemon_files=files)


def declared(snapshot: Snapshot) -> Finding:
    return only(judged(snapshot, wanted()))


def test_a_key_that_the_daemon_named_in_its_log_is_why_it_does_not_start() -> None:
    finding = declared(down(DaemonFile(("bip", "colour"), refusal=SAID)))

    assert (finding.fault, finding.at, finding.severity) == ("daemon-unknown-key", WEB, "error")
    assert "does not know colour of" in finding.explains
    assert "lxc exec web -- systemctl restart docker" in commands(finding)


@pytest.mark.parametrize(
    "file", [DaemonFile(("bip",), refusal=SAID), DaemonFile(("colour",)), DaemonFile(), None]
)
def test_a_key_that_is_gone_or_that_nobody_complained_of_is_not(file: DaemonFile | None) -> None:
    assert declared(down(file)).fault == "daemon-down"


def test_what_a_silent_daemon_said_last_stands_in_the_finding() -> None:
    said = "failed to start daemon: no space left on device"

    assert f"it said: {said}" in declared(down(DaemonFile(refusal=said))).explains


def test_a_daemon_that_runs_beside_a_key_that_is_too_new_for_it_is_warned_of() -> None:
    newer = DaemonFile(("bip6", "iptables"))

    finding = only(judged(lab(daemon_files={WEB: newer})))

    assert (finding.fault, finding.severity) == ("daemon-unknown-key", "warning")
    assert "Docker 26.1.5 does not know bip6" in finding.explains
    assert codes(judged(lab(daemon_files={WEB: newer}, daemons={WEB: daemon("28.5.2")}))) == []
    assert codes(judged(lab(daemon_files={WEB: newer}, daemons={WEB: daemon("main")}))) == []


def test_a_daemon_that_does_not_start_leaves_the_answer_unknown_and_one_that_runs_does_not() -> (
    None
):
    silent = judged(down(DaemonFile(("colour",), refusal=SAID)))
    runs = judged(lab(daemon_files={WEB: DaemonFile(("bip6",))}))

    assert exit_code(Diagnosis(silent, tuple(check("daemon-unknown-key")(silent)))) == 3
    assert exit_code(Diagnosis(runs, tuple(check("daemon-unknown-key")(runs)))) == 0


def test_docker_with_nftables_waits_for_forwarding() -> None:
    off = sysctls(down(NFTABLES), WEB, {"net.ipv4.ip_forward": "0"})

    finding = declared(off)

    assert (finding.fault, finding.at) == ("docker-nft-backend-forwarding", WEB)
    assert commands(finding) == (
        "lxc config set web linux.sysctl.net.ipv4.ip_forward=1",
        "lxc exec web -- sysctl -w net.ipv4.ip_forward=1",
        "lxc exec web -- systemctl start docker",
    )


def test_it_waits_for_that_of_ipv6_where_it_says_so() -> None:
    file = replace(NFTABLES, refusal="failed to start daemon: IPv6 forwarding is disabled")
    off = sysctls(down(file), WEB, {"net.ipv6.conf.all.forwarding": "0"})

    assert "net.ipv6.conf.all.forwarding is 0" in declared(off).explains


@pytest.mark.parametrize(
    ("file", "forward"),
    [
        (NFTABLES, "1"),
        (DaemonFile(("icc",), {"icc": "false"}), "0"),
        (replace(NFTABLES, values={**NFTABLES.values, "ip-forward": "false"}), "0"),
    ],
)
def test_a_daemon_that_is_down_for_another_reason_is_just_down(
    file: DaemonFile, forward: str
) -> None:
    off = sysctls(down(file), WEB, {"net.ipv4.ip_forward": forward})

    assert declared(off).fault == "daemon-down"


def test_forwarding_that_the_guest_cannot_set_is_set_from_the_host() -> None:
    off = sysctls(at(lab(), WEB, read_only_sysctls=True), WEB, {"net.ipv4.ip_forward": "0"})

    finding = only(judged(off))

    assert (finding.fault, finding.at, finding.severity) == ("guest-sysctl-readonly", WEB, "error")
    assert finding.fix is not None
    system = SimulatedSystem(off)
    for each in finding.fix.operations:
        system.run(each)
    assert [each.severity for each in check("guest-sysctl-readonly")(judged(system.read()))] == [
        "warning"
    ]


def test_sysctls_that_are_read_only_are_no_fault_where_no_docker_lives() -> None:
    frozen = at(lab(), WEB, read_only_sysctls=True)

    assert codes(judged(frozen)) == ["guest-sysctl-readonly"]
    assert codes(judged(replace(frozen, daemons={}))) == []
    assert codes(judged(at(lab(), HOST, read_only_sysctls=True))) == []


def publishing() -> Snapshot:
    port = PublishedPort("tcp", 80, "0.0.0.0", 8080)
    one = replace(front(), published=(port,))
    return lab(daemons={WEB: replace(daemon(), containers=(one,))})


def wiped(file: DaemonFile | None, before: Snapshot | None = None) -> list[str]:
    files = {WEB: file} if file else {}
    return codes(judged(replace(rules(before or publishing(), WEB, NO_RULES), daemon_files=files)))


def test_a_daemon_that_publishes_ports_without_a_rule_of_its_own_is_warned_of() -> None:
    assert wiped(DaemonFile()) == ["docker-rules-flushed"]


@pytest.mark.parametrize(
    "file",
    [None, DaemonFile(("iptables",), {"iptables": "false"}), DaemonFile(trouble="is no JSON")],
)
def test_a_daemon_that_may_be_told_to_write_none_is_not(file: DaemonFile | None) -> None:
    assert wiped(file) == []


def test_nor_is_one_that_publishes_nothing() -> None:
    assert wiped(DaemonFile(), lab()) == []
