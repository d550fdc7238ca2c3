"""What the model says of a plan before anything is touched: what it will reach, and what it would lose."""

from dataclasses import replace

from homelab.diagnosis.expect import put_to_the_test
from homelab.diagnosis.judge import judge
from homelab.diagnosis.target import parse_target
from homelab.diagnosis.tracer import Tracer
from homelab.model.inventory import Ingress
from homelab.model.place import HOST
from homelab.model.snapshot import Snapshot
from homelab.planning.execute import execute
from homelab.system.simulated import SimulatedSystem
from homelab.workflow.change import Planned


def foresee(planned: Planned) -> Planned:
    """The same plan, run on the simulated system and traced again."""
    later = future(planned)
    return replace(
        planned,
        before=judge(planned.inventory, planned.snapshot),
        after=judge(planned.inventory, later),
        trials=put_to_the_test(planned.inventory, planned.snapshot),
        trials_after=put_to_the_test(planned.inventory, later),
    )


def future(planned: Planned) -> Snapshot:
    """The lab after the plan, as the simulated system has it."""
    system = SimulatedSystem(planned.snapshot)
    execute(planned.plan.operations(), system.run)
    return system.read()


def cut_off(planned: Planned) -> tuple[str, ...]:
    """Networks that work now and that the model does not reach after the plan."""
    if planned.goal.removal:
        return ()
    later = {each.name: each.reachable for each in planned.after}
    unwanted = {
        (each.guest, each.name)
        for each in planned.inventory.networks
        if each.ingress is Ingress.NONE
    }
    return tuple(
        f"{each.name.guest}/{each.name.network}"
        for each in planned.before
        if each.reachable
        and later.get(each.name) is False
        and (each.name.guest, each.name.network) not in unwanted
    )


def spoiled(planned: Planned) -> tuple[str, ...]:
    """Expectations that hold now and that the model does not see met after the plan."""
    if planned.goal.removal:
        return ()
    return tuple(
        f"{now.expectation.where}: {now.expectation.origin} to {now.expectation.to} "
        f"{now.expectation.outcome.value}"
        for now, later in zip(planned.trials, planned.trials_after, strict=True)
        if now.holds and later.holds is False
    )


def touches_path_to(planned: Planned, client: str) -> bool:
    """Whether packets from the host to an address take another way after the plan, or none."""
    target = parse_target(client, planned.snapshot)
    if isinstance(target, str):
        return False
    before, after = (
        Tracer(each).trace(HOST, target) for each in (planned.snapshot, future(planned))
    )
    return (before.outcome, before.forward, before.back) != (
        after.outcome,
        after.forward,
        after.back,
    )
