"""A lab that says what it is told to say: the door of probes, for tests of what is made of their answers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from homelab.model.place import Place
from homelab.model.proof import Counts, Sender, Wanted, Watch, Watched
from homelab.model.trace import Target

Questions = Mapping[Sender, Sequence[Target]]


@dataclass
class Saying:
    """``words`` answer in turn, the last of them for ever; ``looks`` are what the counters show in turn."""

    words: tuple[str, ...]
    places: tuple[Place, ...] = ()
    looks: tuple[Counts, ...] = ({},)
    asked: list[Sender] = field(default_factory=list)
    wanted: list[tuple[Wanted, ...]] = field(default_factory=list)
    rounds: int = 0
    seen: Watched = field(default_factory=lambda: Watched(()))
    watched: list[Watch] = field(default_factory=list)

    def ask(self, questions: Questions, timeout: float) -> dict[Sender, tuple[str, ...]]:
        assert timeout < 1
        word = self.words[min(self.rounds, len(self.words) - 1)]
        self.rounds += 1
        self.asked += questions
        return {who: (word,) * len(targets) for who, targets in questions.items()}

    def count(self, wanted: Collection[Wanted]) -> Counts:
        self.wanted.append(tuple(wanted))
        return self.looks[min(len(self.wanted), len(self.looks)) - 1]

    def enterable(self) -> tuple[Place, ...]:
        return self.places

    def watch(self, wanted: Watch, timeout: float) -> Watched:
        assert timeout < 1
        self.watched.append(wanted)
        return self.seen
