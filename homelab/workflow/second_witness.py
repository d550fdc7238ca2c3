"""The second witness: what nft itself told of the probes, beside what the model says of them."""

from homelab.model.place import Place
from homelab.model.proof import Proof, Step, Told, Watch, Watched
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Outcome, Trace

BY_RULES = ("rule", "policy")
LEGACY = "-legacy"


def watch(draft: Proof, snapshot: Snapshot, count: int) -> Watch | None:
    """What is to be watched: the probes, in every place on their way that is a namespace of this machine."""
    if draft.sender is None:
        return None
    hops = (*draft.trace.forward, *draft.trace.back)
    places = tuple(dict.fromkeys(each.at for each in hops if each.at in snapshot.namespaces))
    return Watch(draft.sender, draft.target, draft.trace.source, places, count)


def tell(trace: Trace, watched: Watched) -> Told:
    """Whether the kernels name the same chain as the model, or let the packet pass as it does."""
    drops = [each for each in watched.steps if each.verdict == "drop"]
    blamed = trace.cause if trace.cause and trace.cause.kind in BY_RULES else None
    if trace.outcome is Outcome.UNKNOWN:
        return Told(watched, "untold", f"the model does not know; {_kernels(drops)}")
    if blamed is None:
        verdict = "differs" if drops else "agrees"
        return Told(
            watched, verdict, f"{_kernels(drops)}; the model knows of no rule that drops it"
        )
    if any(_is_in(each, blamed) for each in drops):
        return Told(watched, "agrees", f"{_kernels(drops)}, as the model says")
    silent = _silent(blamed, watched)
    if silent and not drops:
        return Told(watched, "untold", silent)
    where = f"{blamed.at}: {blamed.family} {blamed.table} {blamed.chain}"
    return Told(watched, "differs", f"{_kernels(drops)}; the model says {where}")


def _is_in(step: Step, cause: Cause) -> bool:
    names = step.at, step.family, step.table, step.chain
    return names == (cause.at, cause.family, cause.table, cause.chain)


def _kernels(drops: list[Step]) -> str:
    if not drops:
        return "the kernels tell of no drop"
    first = drops[0]
    return f"the kernel of {first.at} drops it in {first.chain_name}: {first.text}"


def _silent(cause: Cause, watched: Watched) -> str:
    """Why the kernel could not tell of this drop."""
    place: Place = cause.at
    if place in watched.unwatched:
        return f"{place} was not watched: {watched.unwatched[place]}"
    if (cause.tool or "").endswith(LEGACY):
        return f"rules of {cause.tool} do not show in a trace of nft"
    if cause.family in ("bridge", "netdev"):
        return f"a table of family {cause.family} comes before what is traced"
    return ""
