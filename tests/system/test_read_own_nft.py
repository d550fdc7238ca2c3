"""The rules of a guest at whose sets this machine's nft dies."""

from homelab.errors import UnreadableError
from homelab.model.kernel import Namespace, Ruleset
from homelab.model.place import HOST, guest
from homelab.system.own_nft import crashed, retold, with_own_nft

DEAD = {"nft": "crashed (SIGSEGV)", "nft-json": "crashed (SIGSEGV)", "sockets": "no"}
SAVED = Ruleset("iptables-nft", "*filter\nCOMMIT\n")


def test_only_guests_of_which_nft_died_are_asked() -> None:
    places = {
        guest("old"): Namespace(unread={"nft": "exit status 1"}),
        guest("new"): Namespace(unread=DEAD),
        HOST: Namespace(unread=DEAD),
    }

    assert crashed(places) == {guest("new"): "new"}


def test_what_its_own_nft_prints_is_what_was_read() -> None:
    here = retold(Namespace(rulesets=(SAVED,), unread=DEAD), {"nft": "table inet x {\n}\n"})

    assert here.rulesets == (SAVED, Ruleset("nft", "table inet x {\n}\n"))
    assert here.unread == {"nft-json": "crashed (SIGSEGV)", "sockets": "no"}


def test_without_a_daemon_to_ask_it_stays_unread() -> None:
    def nobody() -> None:
        raise UnreadableError("there is no LXD or Incus here")

    places = {guest("new"): Namespace(unread=DEAD)}

    assert with_own_nft(places, nobody, 1.0) == places
