"""What is seen without a packet: options, addresses and daemons that are wrong already, or will be."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from homelab.checks import model_probe_disagreement
from homelab.model.docker import LABEL, Daemon, DockerSubnet
from homelab.model.finding import Case, Finding
from homelab.model.inventory import ContainerNetwork, Egress, Inventory
from homelab.model.lxc import Runtime
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.proof import Count, Counter, Evidence, Proof, Sender
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Outcome, Target, Trace
from tests.checks.cases import (
    NAME,
    SUBNET,
    TARGET,
    WEB,
    address,
    at,
    cause,
    check,
    codes,
    daemon,
    docker_network,
    front,
    instance,
    judged,
    lab,
    only,
    rules,
    wanted,
)

MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
MODE = "com.docker.network.bridge.gateway_mode_ipv4"
PLAIN = ContainerNetwork("web", "apps", (SUBNET,), egress=Egress.MASQUERADE)
DB = Place("guest:db")


def declared(snapshot: Snapshot) -> Case:
    return judged(snapshot, wanted(PLAIN))


def with_daemon(found: Daemon) -> Snapshot:
    return lab(daemons={WEB: found})


def test_a_healthy_lab_that_is_declared_has_no_fault() -> None:
    assert codes(declared(lab())) == []


@pytest.mark.parametrize("reason", ["daemon down", "does not answer within 3 s"])
def test_a_daemon_that_does_not_answer_is_named(reason: str) -> None:
    silent = lab(daemons={}, unread={"guest:web/docker": reason})

    finding = only(declared(silent))

    assert (finding.fault, finding.severity, finding.affects) == ("daemon-down", "error", (NAME,))
    assert only(judged(silent)).severity == "warning"


def test_a_daemon_that_could_not_be_asked_is_not_called_down() -> None:
    finding = only(judged(lab(daemons={}, unread={"guest:web/docker": "permission denied"})))

    assert (finding.fault, finding.at) == ("not-observed", WEB)


def test_places_and_the_runtime_that_were_not_read_are_named() -> None:
    unread = {"host/lxd": "permission denied", "router": "ssh: no route", "guest:x": "not running"}

    found = check("not-observed")(judged(lab(unread=unread)))

    assert [each.at for each in found] == [HOST, ROUTER]


def test_a_guest_that_is_wanted_and_does_not_run_is_named() -> None:
    stopped = Runtime("lxd", "5", (replace(instance(), status="Stopped"),))
    spaces = {place: here for place, here in lab().namespaces.items() if place in (HOST, ROUTER)}
    down = lab(runtime=stopped, daemons={}, namespaces=spaces, unread={"guest:web": "not running"})

    assert codes(declared(down)) == ["guest-down"]
    assert codes(judged(down)) == []


def test_a_declared_network_that_docker_does_not_have_is_named() -> None:
    finding = only(declared(with_daemon(Daemon("26.1.5"))))

    assert (finding.fault, finding.affects) == ("docker-network-missing", (NAME,))


@pytest.mark.parametrize(
    ("options", "hides"),
    [
        ({}, True),
        ({MASQUERADE: "true"}, True),
        ({MASQUERADE: "false"}, False),
        ({MODE: "routed"}, False),
    ],
)
def test_masquerading_hides_what_shall_be_routed(options: dict[str, str], *, hides: bool) -> None:
    case = judged(with_daemon(daemon("27.0", options=options)), wanted())

    assert bool(check("docker-masquerade-hides-source")(case)) == hides


def test_only_a_network_of_homelabs_own_is_made_anew_for_its_egress() -> None:
    case = judged(with_daemon(daemon(labels={LABEL: "web/apps"})), wanted())
    (finding,) = check("docker-masquerade-hides-source")(case)

    assert finding.fix is not None
    assert finding.fix.commands == ("homelab apply --yes",)


@pytest.mark.parametrize(
    ("version", "mode", "ignored"),
    [
        ("20.10.24", "routed", True),
        ("26.1.5", "nat-unprotected", True),
        ("27.0", "routed", False),
        ("28.5.2", "nat-unprotected", False),
        ("26.1.5", "nat", False),
        ("unknown", "routed", False),
    ],
)
def test_a_mode_that_the_daemon_does_not_know_is_named(
    version: str, mode: str, *, ignored: bool
) -> None:
    case = judged(with_daemon(daemon(version, options={MODE: mode})))

    assert bool(check("docker-gateway-mode-ignored")(case)) == ignored


@pytest.mark.parametrize(
    ("version", "options", "dead"),
    [
        ("28.5.2", {MASQUERADE: "false"}, True),
        ("28.5.2", {MASQUERADE: "false", MODE: "nat-unprotected"}, False),
        ("28.5.2", {}, False),
        ("26.1.5", {MASQUERADE: "false"}, False),
    ],
)
def test_an_egress_that_must_die_is_foreseen(
    version: str, options: dict[str, str], *, dead: bool
) -> None:
    case = judged(with_daemon(daemon(version, options=options)))

    assert bool(check("docker-egress-dead")(case)) == dead


def test_a_network_of_dockers_over_the_lan_is_named() -> None:
    lan = (DockerSubnet(ip_network("10.0.0.0/16")), DockerSubnet(ip_network("fd00::/64")))
    both = Daemon("26.1", networks=(docker_network(), docker_network("shop", subnets=lan)))

    found = check("docker-pool-overlaps-lan")(judged(with_daemon(both)))

    assert [(each.severity, each.at) for each in found] == [("warning", WEB)]
    assert "shop covers 10.0.0.0/24" in found[0].explains


def test_docker0_of_the_host_is_not_the_lan() -> None:
    twin = (DockerSubnet(ip_network("172.17.0.0/16")),)
    host = (*lab().namespaces[HOST].addresses, address("docker0", "172.17.0.1/16"))
    both = Daemon("26.1", networks=(docker_network(), docker_network("bridge", subnets=twin)))

    assert codes(judged(at(with_daemon(both), HOST, addresses=host))) == []


def test_a_stopped_container_nobody_was_sent_to_is_a_warning() -> None:
    gone = replace(
        front("exited"), attachments=(replace(front().attachments[0], ipv4=None, fixed_ipv4=None),)
    )
    case = declared(with_daemon(replace(daemon(), containers=(front(), gone))))

    assert [(each.fault, each.severity) for each in check("container-stopped")(case)] == [
        ("container-stopped", "warning")
    ]
    assert not check("container-stopped")(judged(case.snapshot))


@pytest.mark.parametrize(
    ("reason", "severity"), [("", "warning"), ("daemon down: no socket", "error")]
)
def test_a_guest_with_docker_needs_nesting(reason: str, severity: str) -> None:
    bare = Runtime(
        "lxd", "5", (replace(instance(), expanded_config={}), replace(instance(), name="other"))
    )
    unread = {"guest:web/docker": reason} if reason else {}

    (finding,) = check("guest-nesting-missing")(declared(lab(runtime=bare, unread=unread)))

    assert finding.severity == severity
    assert finding.fix is not None
    assert finding.fix.commands == ("homelab apply --yes",)


def test_without_an_inventory_nesting_is_set_by_hand() -> None:
    bare = Runtime("incus", "6", (replace(instance(), expanded_config={}),))

    fix = only(judged(lab(runtime=bare))).fix

    assert fix is not None
    assert fix.commands == (
        "incus config set web security.nesting=true",
        "incus restart web",
    )


def test_an_address_that_the_guest_does_not_have_is_named() -> None:
    finding = only(judged(lab(), wanted(PLAIN, nic="10.77.0.99")))

    assert (finding.fault, finding.severity) == ("guest-address-changed", "warning")
    assert "it has 10.77.0.11" in finding.explains


def test_two_guests_with_one_subnet_overlap() -> None:
    both = lab(daemons={WEB: daemon(), DB: Daemon("26.1", networks=(docker_network("data"),))})

    found = check("subnet-overlap")(judged(both))

    assert [each.severity for each in found] == ["warning"]
    assert set(found[0].affects) == {NAME, NAME._replace(guest="db", network="data")}


def test_the_hosts_own_network_overlaps_a_declared_one() -> None:
    host = (*lab().namespaces[HOST].addresses, address("wg0", "10.90.0.1/16"))
    case = declared(at(lab(), HOST, addresses=host))

    (finding,) = check("subnet-overlap")(case)

    assert (finding.at, finding.severity) == (HOST, "warning")
    assert "wg0 has 10.90.0.0/16" in finding.explains


def test_networks_side_by_side_do_not_overlap() -> None:
    beside = docker_network("data", subnets=(DockerSubnet(ip_network("10.90.2.0/24")),))
    both = lab(daemons={WEB: daemon(), DB: Daemon("26.1", networks=(beside,))})

    assert not check("subnet-overlap")(judged(both))


def test_networks_that_nobody_wants_reached_may_overlap() -> None:
    alone = lab(namespaces={}, daemons={WEB: daemon(), DB: daemon()})

    assert not check("subnet-overlap")(judged(alone))


def test_a_probe_that_contradicts_the_model_is_a_finding_of_its_own() -> None:
    trace = Trace("lan", Target(TARGET), Outcome.DROPPED, cause=cause(WEB))
    proof = Proof("lan", Sender(HOST), trace, "answered", "disagrees")
    finding = model_probe_disagreement.finding(proof)

    assert (finding.fault, finding.at) == ("model-probe-disagreement", WEB)
    assert "a real packet says answered" in finding.explains
    nowhere = replace(proof, trace=replace(trace, cause=None), said="timeout")
    assert model_probe_disagreement.finding(nowhere).at == HOST


def test_a_disagreement_lies_where_the_packet_was_last_counted() -> None:
    trace = Trace("lan", Target(TARGET), Outcome.DELIVERED)
    came = Count(Counter(WEB, "link", "in eth0"), 4, 7, 3)
    left = Count(Counter(WEB, "link", "out br-app"), 9, 9, 3)
    proof = Proof(
        "lan", Sender(HOST), trace, "timeout", "disagrees", (), Evidence(None, (came, left))
    )

    finding = model_probe_disagreement.finding(proof)

    assert finding.at == WEB
    assert "last counted at guest:web: packets in eth0 went from 4 to 7 while 3" in finding.explains
    assert "not counted at guest:web: packets out br-app stayed at 9" in finding.explains


def test_an_inventory_without_its_guest_is_no_trouble() -> None:
    case = Case(Inventory(), rules(lab(), WEB, ""), ())

    found: list[Finding] = check("docker-pool-overlaps-lan")(case)

    assert found == []


def test_what_was_not_read_for_one_reason_is_one_finding() -> None:
    unread = {"guest:db": "none here", "host/lxd": "none here", "router": "no answer"}

    first, second = check("not-observed")(judged(lab(unread=unread)))

    assert (first.at, second.at) == (HOST, "router")
    assert first.explains.startswith("host/lxd, guest:db: not observed, none here;")
    assert first.fix is not None
    assert "the machine that runs the guests" in first.fix.text
