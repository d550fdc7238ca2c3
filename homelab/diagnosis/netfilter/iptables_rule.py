"""One rule line of iptables-save as steps: its matches in order, then its target."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from homelab.diagnosis.netfilter import iptables_matches, iptables_targets
from homelab.diagnosis.netfilter.rules import Compile, Match, Opaque, Step, Verdict
from homelab.diagnosis.netfilter.sets import Sets
from homelab.diagnosis.netfilter.words import Group, Option, Word, split

_NOT = Word("!")
_OPENERS = {
    "-m": "match",
    "--match": "match",
    "-j": "jump",
    "--jump": "jump",
    "-g": "goto",
    "--goto": "goto",
}
_GENERIC = {
    "-s": "source",
    "--source": "source",
    "-d": "destination",
    "--destination": "destination",
    "-i": "in-interface",
    "--in-interface": "in-interface",
    "-o": "out-interface",
    "--out-interface": "out-interface",
    "-p": "protocol",
    "--protocol": "protocol",
    "-f": "fragment",
    "--fragment": "fragment",
}


@dataclass(slots=True)
class _Spec:
    """A rule line, taken apart: its matches in order, and its target with the target's options."""

    matches: list[tuple[str, list[Option]]] = field(default_factory=list)
    target: str = ""
    goto: bool = False
    target_options: list[Option] = field(default_factory=list)

    def take(self, option: Option) -> None:
        """Note an option: the target's after the target, a generic one, or that of the last match."""
        generic = _GENERIC.get(option.name)
        bare = option._replace(name=generic or option.name.lstrip("-"))
        modules = [options for module, options in self.matches if module]
        if self.target:
            self.target_options.append(bare)
        elif generic:
            self.matches.append(("", [bare]))
        elif modules:
            modules[-1].append(bare)
        else:
            self.matches.append((self._protocol(), [bare]))

    def _protocol(self) -> str:
        """``-p tcp --dport 80`` means ``-p tcp -m tcp --dport 80``."""
        named = (each for _, options in self.matches for each in options if each.name == "protocol")
        option = next(named, None)
        return option.values[0] if option and option.values else ""


@dataclass(frozen=True, slots=True)
class Maker:
    """What the rules of one table share: the ipsets, and the table's own chains."""

    sets: Sets
    chains: frozenset[str]

    def compile(self, line: str, number: int) -> Compile:
        return partial(self._steps, line, number)

    def _steps(self, line: str, number: int) -> tuple[Step, ...]:
        words = split(line)
        spec = _spec(words[2:]) if words else None
        if spec is None:
            return (Opaque(f"line {number} cannot be parsed"),)
        return (*self._matches(spec), *self._target(spec))

    def _matches(self, spec: _Spec) -> Iterator[Step]:
        for module, options in spec.matches:
            test = iptables_matches.test(Group(module, tuple(options)), self.sets)
            if test is not None:
                yield Match(test, module if module in _GENERIC.values() else f"-m {module}")

    def _target(self, spec: _Spec) -> Sequence[Step]:
        if spec.goto:
            return [Verdict("goto", spec.target)]
        if not spec.target:
            return []
        if spec.target in self.chains:
            return [Verdict("jump", spec.target)]
        return iptables_targets.steps(spec.target, spec.target_options)


def _spec(words: Sequence[Word]) -> _Spec | None:
    """The line's parts; None when it is not the line of a rule."""
    spec = _Spec()
    at = 0
    while at < len(words):
        negated = words[at] == _NOT
        at += negated
        if at >= len(words) or not words[at].is_option:
            return None
        name = words[at].text
        values, at = _values(words, at + 1)
        if not negated and len(values) > 1 and values[0] == _NOT:
            negated, values = True, values[1:]
        option = Option(name, tuple(each.text for each in values), negated)
        if not _open(spec, option):
            return None
    return spec


def _open(spec: _Spec, option: Option) -> bool:
    """Note a match module, a target, or an option of the last of them; False for nonsense."""
    opens = _OPENERS.get(option.name) if not spec.target else None
    if opens is None:
        spec.take(option)
        return True
    if len(option.values) != 1 or option.negated:
        return False
    if opens == "match":
        spec.matches.append((option.values[0], []))
    else:
        spec.target, spec.goto = option.values[0], opens == "goto"
    return True


def _values(words: Sequence[Word], at: int) -> tuple[Sequence[Word], int]:
    """The words after an option up to the next option or the negation of one."""
    end = at
    while end < len(words) and not words[end].is_option:
        if words[end] == _NOT and end + 1 < len(words) and words[end + 1].is_option:
            break
        end += 1
    return words[at:end], end
