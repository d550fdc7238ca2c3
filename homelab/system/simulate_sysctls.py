"""Sysctls in memory, with those that the kernel changes along with them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from homelab.errors import OperationError
from homelab.model.kernel import Namespace
from homelab.model.operation import ForgetSysctl, KeepSysctl, SetSysctl
from homelab.model.place import Place
from homelab.model.snapshot import Snapshot
from homelab.system import sysctl

FORWARD_4 = ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding")
FORWARD_6 = "net.ipv6.conf.all.forwarding"
DISABLE_6 = "net.ipv6.conf.all.disable_ipv6"


def set_sysctl(namespace: Namespace, operation: SetSysctl) -> Namespace:
    _, value = sysctl.check(operation)
    before = namespace.sysctls
    if before and operation.key not in before and not _is_left_out(operation.key):
        raise OperationError(
            f"{operation.place}: {operation.key}: no such file or directory; see /proc/sys/net"
        )
    return with_sysctl(namespace, operation.key, value)


def with_sysctl(namespace: Namespace, key: str, value: str) -> Namespace:
    """The namespace with the value, and with all that the kernel sets along with it."""
    before = namespace.sysctls
    also = dict.fromkeys(_also(key, before), value)
    return replace(namespace, sysctls={**before, key: value, **also, **_redirects(key, value)})


def _is_left_out(key: str) -> bool:
    """The reader takes only the sysctls that the model knows; others may exist for all it says."""
    return ".conf." not in key


def _also(key: str, known: Mapping[str, str]) -> Iterator[str]:
    """inet_forward_change in net/ipv4/devinet.c, addrconf_forward_change in net/ipv6/addrconf.c."""
    if key in FORWARD_4:
        yield from FORWARD_4
        yield from (each for each in known if _is(each, "net.ipv4.conf.", ".forwarding"))
    elif key == FORWARD_6:
        yield from (each for each in known if _is(each, "net.ipv6.conf.", ".forwarding"))
    elif key == DISABLE_6:
        yield from (each for each in known if _is(each, "net.ipv6.conf.", ".disable_ipv6"))


def _is(key: str, head: str, tail: str) -> bool:
    return key.startswith(head) and key.endswith(tail)


def _redirects(key: str, value: str) -> dict[str, str]:
    """A host takes redirects, a router does not."""
    if key not in FORWARD_4:
        return {}
    return {"net.ipv4.conf.all.accept_redirects": "1" if value == "0" else "0"}


def keep_sysctl(snapshot: Snapshot, operation: KeepSysctl | ForgetSysctl) -> Snapshot:
    name, at, other = operation.place.partition("@")
    sysctl.check_host(replace(operation, place=Place(name)))
    here = f"{operation.key}{at}{other}"
    kept = {each: pair for each, pair in snapshot.kept_sysctls.items() if each != here}
    if isinstance(operation, KeepSysctl):
        kept[here] = (operation.value, operation.was)
    return replace(snapshot, kept_sysctls=kept)


def of_new_link(namespace: Namespace, link: str) -> dict[str, str]:
    """The sysctls of a link that is made now: those of ``default``."""
    return {
        key.replace(".conf.default.", f".conf.{link}.", 1): value
        for key, value in namespace.sysctls.items()
        if ".conf.default." in key
    }


def without_link(sysctls: Mapping[str, str], link: str) -> dict[str, str]:
    return {key: value for key, value in sysctls.items() if f".conf.{link}." not in key}
