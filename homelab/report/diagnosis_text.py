"""A diagnosis as a person reads it: a line per network, then each fault with its path and its fix."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from homelab.model.finding import Case, Finding, Judgement
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Outcome, Trace
from homelab.report.documents import fix_commands
from homelab.report.paint import Paint, plain

IN_FULL = 8
"""How many findings of one fault are told; a lab may have a thousand."""

NAMED = 8
SIGN = {"error": ("bad", "✗"), "warning": ("warn", "!"), "info": ("dim", "·")}


def diagnosis_text(case: Case, findings: Sequence[Finding], paint: Paint) -> str:
    """Lines for the terminal; ends with what to type next."""
    lines = [*_networks(case, paint)]
    seen = witnesses(case)
    told = Counter[str]()
    for each in findings:
        told[each.fault] += 1
        if told[each.fault] <= IN_FULL:
            lines += ["", *_finding(each, case, seen, paint)]
    lines += ["", *_left_out(told), *_next(findings)]
    return plain_lines(lines)


def _left_out(told: Counter[str]) -> Iterator[str]:
    for fault, count in told.items():
        if count > IN_FULL:
            yield f"and {count - IN_FULL} more of {fault}; `homelab diagnose --json` tells them all"


def plain_lines(lines: Sequence[str]) -> str:
    return "\n".join(lines).strip("\n")


def _networks(case: Case, paint: Paint) -> Iterator[str]:
    if not case.judgements:
        yield from _nothing(case.snapshot)
        return
    names = {each.name: f"{each.name.guest}/{each.name.network}" for each in case.judgements}
    width = max(map(len, names.values()))
    for each in case.judgements:
        subnets = " ".join(map(str, each.subnets)) or "no subnet"
        yield f"{plain(names[each.name]):{width}}  {subnets:18}  {_verdict(each, case, paint)}"


def _nothing(snapshot: Snapshot) -> Iterator[str]:
    """Why there was nothing to judge, and where to look instead."""
    runtime = snapshot.runtime
    if runtime is not None:
        count = len(runtime.instances)
        yield f"no container network was found in the {count} guests of {runtime.name} on this machine"
        return
    yield "no container network was found: this machine has no guests of LXD, Incus, LXC or Proxmox"
    named = sorted(each[6:] for each in snapshot.namespaces if each.startswith("netns:"))
    if named:
        names = plain(", ".join(named[:NAMED])) + (", …" if len(named) > NAMED else "")
        yield f"its named network namespaces have none that hangs together with this one: {names}"
        yield "if one of them is the host of a lab: ip netns exec NAME homelab diagnose"
    else:
        yield "run `homelab diagnose` as root on the machine that runs the guests"


def _verdict(judgement: Judgement, case: Case, paint: Paint) -> str:
    arrived = sum(each.ok for each in judgement.traces)
    count = f"{arrived} of {len(judgement.traces)} targets answer"
    if not judgement.declared and case.inventory.networks and not judgement.reachable:
        return paint("dim", "closed, as the inventory declares")
    if judgement.reachable:
        return paint("good", "reachable") + f" from {judgement.origin}, {count}"
    if judgement.reachable is None:
        asked = judgement.place in case.snapshot.daemons
        why = "no containers" if asked and not judgement.traces else "see below"
        return paint("warn", "unknown") + f", {why}"
    return paint("bad", "NOT reachable") + f" from {judgement.origin}, {count}"


def _finding(
    finding: Finding, case: Case, seen: Mapping[Cause, Trace], paint: Paint
) -> Iterator[str]:
    style, sign = SIGN.get(finding.severity, ("dim", "·"))
    affected = ", ".join(f"{each.guest}/{each.network}" for each in finding.affects[:NAMED])
    if len(finding.affects) > NAMED:
        affected += f" and {len(finding.affects) - NAMED} more"
    place = plain(finding.at)
    yield (
        paint(style, f"{sign} {finding.fault}")
        + f" at {place}"
        + (f" ({plain(affected)})" if affected else "")
    )
    trace = seen.get(finding.cause) if finding.cause else None
    if trace is not None:
        yield f"    {drawing(trace)}"
    if finding.cause is not None:
        yield from (f"    {each}" for each in evidence(finding.cause))
    yield f"    {plain(finding.explains)}"
    yield from (f"    {each}" for each in _fix(finding, case.snapshot, paint))


def witnesses(case: Case) -> dict[Cause, Trace]:
    """The first trace that ended by each cause."""
    judged = (trace for each in case.judgements for trace in each.traces)
    tried = (trace for each in case.trials for trace in each.traces)
    found: dict[Cause, Trace] = {}
    for each in chain(judged, tried):
        if each.cause is not None:
            found.setdefault(each.cause, each)
    return found


def drawing(trace: Trace) -> str:
    """The places a packet passed, the last one marked when it went no further.

    ``lan ─▶ router ─▶ host ─▶ guest:web ✗   (to 10.90.1.10)``
    """
    ended = trace.cause.direction if trace.cause is not None else "forward"
    hops = trace.back if ended == "return" else trace.forward
    places = list(dict.fromkeys(each.at for each in hops))
    if trace.cause is not None and trace.cause.at not in places:
        places.append(trace.cause.at)
    path = " ─▶ ".join(plain(each) for each in places) or plain(trace.origin)
    mark = " ✗" if trace.outcome is not Outcome.DELIVERED else ""
    way = "reply from" if ended == "return" else "to"
    return f"{path}{mark}   ({way} {trace.target})"


def evidence(cause: Cause) -> Iterator[str]:
    """The rule, key or route that ended the packet, as its own tool prints it."""
    if cause.rule:
        where = "/".join(filter(None, (cause.family, cause.table, cause.chain)))
        who = ", ".join(filter(None, (where, cause.tool, cause.owner and f"by {cause.owner}")))
        yield f"{plain(cause.rule)}" + (f"   [{plain(who)}]" if who else "")
    elif cause.key:
        yield plain(cause.key)
    if cause.iif or cause.oif:
        between = f"{cause.iif or 'itself'} → {cause.oif or 'itself'}"
        yield f"the packet: {cause.source} → {cause.destination}, {plain(between)}, {cause.stage}"


def _fix(finding: Finding, snapshot: Snapshot, paint: Paint) -> Iterator[str]:
    fix = finding.fix
    if fix is None:
        return
    proven = " (the model shows that this opens the path)" if fix.verified else ""
    yield paint("bold", "fix: ") + plain(fix.text) + proven
    for line in fix_commands(fix, snapshot):
        yield f"    {plain(line)}"
    for each in fix.opens:
        yield f"also opens: {plain(each)}"


def _next(findings: Sequence[Finding]) -> Iterator[str]:
    if any(each.fix and each.fix.operations for each in findings):
        yield "next: `homelab diagnose --fix` runs the fixes above"
    if findings:
        yield f"more: `homelab explain {findings[0].fault}`"
