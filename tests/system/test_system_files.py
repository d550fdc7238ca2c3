"""What homelab writes to disk: its sysctl file, and what it renders."""

import stat
from pathlib import Path

import pytest

from homelab.errors import OperationError
from homelab.model.operation import ForgetSysctl, KeepSysctl
from homelab.model.place import HOST, guest
from homelab.system import templates
from homelab.system.files import remove, write_whole
from homelab.system.parse_sysctls import parse_kept
from homelab.system.sysctl import keep_sysctl, key_parts

FORWARD = "net.ipv4.ip_forward"
DOTTED = "net.ipv4.conf.eth0.20.rp_filter"


def keep(key: str = FORWARD, value: str = "1", was: str = "0") -> KeepSysctl:
    return KeepSysctl(HOST, key, value, was)


def forget(key: str = FORWARD) -> ForgetSysctl:
    return ForgetSysctl(HOST, key, "1", "0")


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        (FORWARD, ("net", "ipv4", "ip_forward")),
        (DOTTED, ("net", "ipv4", "conf", "eth0.20", "rp_filter")),
        ("net.ipv6.conf.all.forwarding", ("net", "ipv6", "conf", "all", "forwarding")),
        ("net.bridge.bridge-nf-call-iptables", ("net", "bridge", "bridge-nf-call-iptables")),
        ("net.ipv4.conf....rp_filter", None),
        ("net.ipv4.conf.a/b.rp_filter", None),
        ("net.ipv4.conf.eth0 x.rp_filter", None),
        ("net..x", None),
        ("net/ipv4/ip_forward", None),
        ("kernel.panic", None),
        ("net", None),
        ("", None),
    ],
)
def test_a_key_is_taken_apart_from_both_ends(key: str, parts: tuple[str, ...] | None) -> None:
    assert key_parts(key) == parts


def test_what_is_kept_is_read_again_by_the_reader(tmp_path: Path) -> None:
    file = tmp_path / "sysctl.d" / "60-homelab.conf"
    keep_sysctl(keep(), file)
    keep_sysctl(keep(DOTTED, "2"), file)
    keep_sysctl(keep(value="1", was="1"), file)

    text = file.read_text()
    kept = parse_kept(text.splitlines())
    assert {key.replace("/", "."): each for key, each in kept.items()} == {
        FORWARD: ("1", "1"),
        DOTTED: ("2", "0"),
    }
    # sysctl.d(5): a slash stands for a dot in a name, once the first separator is a dot.
    assert "net.ipv4.conf.eth0/20.rp_filter = 2" in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_the_file_goes_with_its_last_sysctl(tmp_path: Path) -> None:
    file = tmp_path / "60-homelab.conf"
    keep_sysctl(keep(), file)
    keep_sysctl(keep(DOTTED), file)

    keep_sysctl(forget(), file)
    assert list(parse_kept(file.read_text().splitlines())) == ["net.ipv4.conf.eth0/20.rp_filter"]

    keep_sysctl(forget(DOTTED), file)
    assert list(tmp_path.iterdir()) == []


def test_forgetting_what_was_never_kept_changes_nothing(tmp_path: Path) -> None:
    keep_sysctl(forget(), tmp_path / "60-homelab.conf")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "operation",
    [
        KeepSysctl(guest("web"), FORWARD, "1", "0"),
        keep("kernel.panic"),
        keep(value="1\nkernel.panic = 1"),
        keep(was="0 # x\ny"),
    ],
)
def test_what_must_not_be_kept_is_refused(operation: KeepSysctl, tmp_path: Path) -> None:
    with pytest.raises(OperationError):
        keep_sysctl(operation, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OperationError, match=r"file/60-homelab\.conf: File exists; run as root"):
        keep_sysctl(keep(), tmp_path / "file" / "60-homelab.conf")


def test_a_whole_file_or_none(tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.mkdir()
    (folder / "inside").write_text("")

    with pytest.raises(OSError, match="taken"):
        write_whole(folder, "text", 0o600)

    assert [each.name for each in tmp_path.iterdir()] == ["taken"]
    remove(tmp_path / "nothing")


def test_every_template_is_found_and_strict() -> None:
    names = templates.environment().list_templates()
    assert {"ingress.nft.j2", "sysctl.conf.j2"} <= set(names)

    with pytest.raises(OperationError, match=r"template sysctl\.conf\.j2: 'settings' is undefined"):
        templates.render("sysctl.conf.j2", {})
    with pytest.raises(OperationError, match=r"template none\.j2: "):
        templates.render("none.j2", {})
