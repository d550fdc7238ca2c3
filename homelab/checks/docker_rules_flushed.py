"""The Docker daemon runs, and its firewall rules are gone: something has reloaded the firewall.

Seen as: containers run and their published ports are dead, or they reach nothing outside; before the reload of a firewall,
or of `nftables.service`, all was well.

Look, in the guest:

    iptables-save -t filter | grep DOCKER; iptables-save -t nat | grep DOCKER

Why: dockerd writes its chains, and the jumps that lead into them, once, when it starts. `iptables -F`, `iptables-restore`,
`nft flush ruleset` and the start of most firewalls take out what they did not write. Policies often stay: a
FORWARD that drops then drops everything. dockerd notices only firewalld's own reloads.

Fix: restart Docker, which writes its rules again, and let the firewall start before it (`Before=docker.service` in its
unit). Without `live-restore` the containers restart too.

    systemctl restart docker

Rules of homelab's own went with them: `homelab apply --yes` puts those back.

Opens: the ports that its containers publish.

Undo: nothing to undo.
"""

from collections.abc import Iterator

from homelab.checks.advice import APPLY
from homelab.checks.fault import Fault, Told, by_place
from homelab.checks.lab import command, declared_names, judged_names
from homelab.checks.rules import TOOLS, lines
from homelab.checks.seen import Group, Seen
from homelab.model.docker import Daemon
from homelab.model.finding import Case, Finding, Fix
from homelab.model.kernel import Namespace
from homelab.model.place import Place, guest_of

CODE = "docker-rules-flushed"
CHAIN = ":DOCKER "
JUMPS = {"filter": "FORWARD", "nat": "PREROUTING"}
"""The chain of each table from which Docker's own are entered."""


def claims(seen: Seen) -> bool:
    dropped = seen.by_iptables and seen.cause.chain == "FORWARD"
    return seen.in_guest and dropped and _gone(seen.case, seen.at) is not None


def _gone(case: Case, place: Place) -> str | None:
    """What is missing of Docker's rules, as far as that can be told for sure."""
    here, daemon = case.snapshot.namespace(place), case.snapshot.daemons.get(place)
    if here is None or daemon is None or daemon.firewall.startswith("nftables"):
        return None
    if any(each.startswith(("nft", "iptables")) for each in here.unread):
        return None
    return _cut_off(here) or _wiped(case, place, here, daemon)


def _cut_off(here: Namespace) -> str | None:
    """Chains of Docker's that nothing leads into, or that are gone while those of another table stand."""
    for table, chain in JUMPS.items():
        tools = [each for each in TOOLS[4] if _has_chain(here, each, table)]
        if tools and not any(_is_entered(here, each, table, chain) for each in tools):
            return f"no rule of {chain} in table {table} leads into Docker's chains"
    tools = [each for each in TOOLS[4] if _has_chain(here, each, "nat")]
    if tools and not any(_has_chain(here, each, "filter") for each in TOOLS[4]):
        return "table filter has none of Docker's chains, and table nat has"
    return None


def _has_chain(here: Namespace, tool: str, table: str) -> bool:
    return any(line.startswith(CHAIN) for line in lines(here, tool, table))


def _is_entered(here: Namespace, tool: str, table: str, chain: str) -> bool:
    head = f"-A {chain} "
    return any(line.startswith(head) and " -j DOCKER" in line for line in lines(here, tool, table))


def _wiped(case: Case, place: Place, here: Namespace, daemon: Daemon) -> str | None:
    """Nothing of Docker's is left, and its file was read and does not tell it to write nothing."""
    file = case.snapshot.daemon_files.get(place)
    left = any(_has_chain(here, each, table) for each in TOOLS[4] for table in JUMPS)
    if file is None or file.trouble or file.values.get("iptables") == "false" or left:
        return None
    publishes = any(
        port.host_port for each in daemon.containers if each.is_running for port in each.published
    )
    return (
        "there is no rule of Docker's at all, and containers publish ports" if publishes else None
    )


def _fix(case: Case, place: Place) -> Fix:
    """What wrote rules there before: Docker, and homelab where the inventory wants networks."""
    text = f"restart Docker in {place}, and start the firewall before it"
    ours = (APPLY,) if declared_names(case, guest_of(place) or "") else ()
    return Fix(text, commands=(command(case, place, "systemctl", "restart", "docker"), *ours))


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: Docker runs and its rules were flushed, {_gone(seen.case, seen.at)}; {seen.cause.text}",
        _fix(seen.case, seen.at),
    )


def sees(case: Case) -> Iterator[Finding]:
    for place in case.snapshot.daemons:
        gone = _gone(case, place)
        if gone is not None:
            text = f"{place}: Docker runs and its rules were flushed, {gone}: published ports and NAT are dead"
            names = judged_names(case, place)
            yield Finding(CODE, "warning", place, text, fix=_fix(case, place), affects=names)


FAULT = Fault(CODE, "Docker's rules were flushed", __doc__, claims, tells, by_place, sees)
