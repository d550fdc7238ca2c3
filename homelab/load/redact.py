"""A snapshot that may be shown to others: the same network, without secrets and without identities."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from homelab.model.docker import Attachment, Daemon
from homelab.model.kernel import Link, Namespace, Ruleset
from homelab.model.lxc import Instance, Runtime
from homelab.model.snapshot import Snapshot

REDACTED = "redacted"

_MAC = re.compile(r"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:])")
_EMPTY_MACS = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")
_SECRET = re.compile(
    r"^(user\.(?!homelab\.)|environment\.|cloud-init\.|raw\.|volatile\.(uuid|cloud-init|idmap))"
    r"|passw|secret|token|api.?key|private|credential|psk|cert",
    re.IGNORECASE,
)
T = TypeVar("T")


def redact(snapshot: Snapshot) -> Snapshot:
    """Pure. Hardware addresses become 02:00:00:…, each always the same one; secrets become ``redacted``.

    IP addresses, names and rules stay: without them nothing could be traced. So does the text of a
    rule's comment.
    """
    macs = _Macs()
    return replace(
        snapshot,
        namespaces={place: _namespace(each, macs) for place, each in snapshot.namespaces.items()},
        runtime=None if snapshot.runtime is None else _runtime(snapshot.runtime, macs),
        daemons={place: _daemon(each, macs) for place, each in snapshot.daemons.items()},
    )


class _Macs:
    """Numbers hardware addresses in the order in which they are met."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {each: each for each in _EMPTY_MACS}

    def hide(self, mac: str) -> str:
        number = len(self._known)
        digits = f"{number:010x}"
        octets = (digits[at : at + 2] for at in range(0, len(digits), 2))
        return self._known.setdefault(mac.lower(), ":".join(("02", *octets)))

    def hide_or_none(self, mac: str | None) -> str | None:
        return None if mac is None else self.hide(mac)

    def hide_in(self, text: str) -> str:
        return _MAC.sub(lambda found: self.hide(found[0]), text)


def _namespace(seen: Namespace, macs: _Macs) -> Namespace:
    return replace(
        seen,
        links=tuple(_link(each, macs) for each in seen.links),
        neighbours=tuple(
            replace(each, mac=macs.hide_or_none(each.mac)) for each in seen.neighbours
        ),
        fdb=tuple(replace(each, mac=macs.hide(each.mac)) for each in seen.fdb),
        rulesets=tuple(Ruleset(each.tool, macs.hide_in(each.text)) for each in seen.rulesets),
    )


def _link(link: Link, macs: _Macs) -> Link:
    options = {key: macs.hide_in(value) for key, value in link.options.items()}
    vfs = tuple(replace(each, mac=macs.hide_or_none(each.mac)) for each in link.vfs)
    return replace(link, mac=macs.hide_or_none(link.mac), options=options, vfs=vfs)


def _runtime(runtime: Runtime, macs: _Macs) -> Runtime:
    return replace(
        runtime,
        instances=tuple(_instance(each, macs) for each in runtime.instances),
        networks=tuple(
            replace(each, config=_config(each.config, macs)) for each in runtime.networks
        ),
    )


def _instance(instance: Instance, macs: _Macs) -> Instance:
    return replace(
        instance,
        config=_config(instance.config, macs),
        devices={name: _config(each, macs) for name, each in instance.devices.items()},
        expanded_config=_config(instance.expanded_config, macs),
        expanded_devices={
            name: _config(each, macs) for name, each in instance.expanded_devices.items()
        },
    )


def _config(config: Mapping[str, str], macs: _Macs) -> dict[str, str]:
    return {
        key: REDACTED if _SECRET.search(key) else macs.hide_in(value)
        for key, value in config.items()
    }


def _daemon(daemon: Daemon, macs: _Macs) -> Daemon:
    return replace(
        daemon,
        networks=tuple(
            replace(each, options=_config(each.options, macs), labels=_config(each.labels, macs))
            for each in daemon.networks
        ),
        containers=tuple(
            replace(each, attachments=tuple(_attachment(one, macs) for one in each.attachments))
            for each in daemon.containers
        ),
    )


def _attachment(attachment: Attachment, macs: _Macs) -> Attachment:
    return replace(
        attachment,
        mac=macs.hide_or_none(attachment.mac),
        driver_options=_config(attachment.driver_options, macs),
    )
