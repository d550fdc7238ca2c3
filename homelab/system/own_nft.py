"""A guest's rules as its own nft prints them, where this machine's crashes on what a newer one wrote.

nft(8) 1.0.6 does so on every set of 1.1, those without a name too. Nothing of a guest is run otherwise.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from homelab.errors import UnreadableError
from homelab.model.kernel import Namespace, Ruleset
from homelab.model.place import Place, guest_of
from homelab.system.lxd_read import library
from homelab.system.patience import within
from homelab.system.reasons import reasons

if TYPE_CHECKING:
    import pylxd

ASKED = {"nft": ("nft", "-a", "list", "ruleset"), "nft-json": ("nft", "-j", "list", "ruleset")}


def crashed(namespaces: Mapping[Place, Namespace]) -> dict[Place, str]:
    """The guests of whose rules this machine's nft has died, by their names."""
    return {
        place: guest_of(place) or ""
        for place, here in namespaces.items()
        if place.startswith("guest:") and here.unread.get("nft", "").startswith("crashed")
    }


def retold(here: Namespace, texts: Mapping[str, str]) -> Namespace:
    """The namespace with what its own nft has printed, by the names of the sources."""
    added = tuple(Ruleset(tool, text) for tool, text in texts.items() if text.strip())
    unread = {each: why for each, why in here.unread.items() if each not in texts}
    return replace(here, rulesets=(*here.rulesets, *added), unread=unread)


def with_own_nft(
    namespaces: Mapping[Place, Namespace], connect: Callable[[], "pylxd.Client"], timeout: float
) -> Mapping[Place, Namespace]:
    """All namespaces; those of such guests as the guests tell, if LXD or Incus can ask them."""
    places = crashed(namespaces)
    if not places:
        return namespaces
    try:
        client = connect()
    except UnreadableError:
        return namespaces
    with closing(client.api.session):
        told = {place: _texts(client, name, timeout) for place, name in places.items()}
    return {
        **namespaces,
        **{place: retold(namespaces[place], texts) for place, texts in told.items()},
    }


def _texts(client: "pylxd.Client", name: str, timeout: float) -> dict[str, str]:
    from ws4py.exc import WebSocketException  # noqa: PLC0415 - comes with pylxd

    try:
        with reasons(timeout, *library(), WebSocketException):
            return within(timeout, lambda: _printed(client, name))
    except UnreadableError:
        return {}


def _printed(client: "pylxd.Client", name: str) -> dict[str, str]:
    instance = client.instances.get(name)
    done = {tool: instance.execute([*words]) for tool, words in ASKED.items()}
    return {tool: str(each.stdout) for tool, each in done.items() if each.exit_code == 0}
