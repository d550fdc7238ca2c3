"""The packet met something that the model does not know, so its fate is open.

Seen as: a trace ends as "unknown" and names a match, a target, a policy rule, or a feature of a link.

Look at the whole path and, if packets can be sent, at what a real one meets:

    homelab trace lan ADDRESS --verify

Why: netfilter has hundreds of extensions, and some decide by what no snapshot shows (rates, times, other
packets). Where the answer depends on such a one the model says so and does not guess. What it does not
depend on is still judged: one unknown rule does not discard a table.

Fix: none; it may well work. Compare with a real packet (`homelab diagnose` sends some unless told
`--no-probe`). If it is a common feature, report it with a snapshot:

    homelab snapshot --redact -o lab.json

Opens: nothing.

Undo: nothing to undo.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, aims

CODE = "unmodelled"


def claims(_: Seen) -> bool:
    """The last of all: whatever no other fault explains is something that nobody knows yet."""
    return True


def tells(group: Group) -> Told:
    seen = group[0]
    what = seen.cause.rule or seen.cause.key
    named = f" (`{what}`)" if what and what not in seen.cause.text else ""
    return Told(
        f"{seen.at}: what becomes of packets for {aims(group)} cannot be told, {seen.cause.text}{named}",
    )


FAULT = Fault(CODE, "the model does not know what is on the path", __doc__, claims, tells)
