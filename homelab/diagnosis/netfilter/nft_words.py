"""The words of what ``nft list ruleset`` prints, read one after the other.

Facts: nft(8), LEXICAL CONVENTIONS: a line feed or a semicolon ends a statement; a string in quotes has no escapes.
"""

import re
from collections.abc import Iterator

END = "\n"
"""What ends a statement."""

_QUOTE = '"'
_WORD = re.compile(r'"[^"\n]*"|[{}()]|;|\n|#[^\n]*|[^\s{}()";]+')
_HANDLE = re.compile(r"# handle (\d{1,18})\s*$")


class UnreadableError(ValueError):
    """A statement says what the grammar does not know."""


class Words:
    """A cursor. A string keeps its first quote, so that ``"accept"`` is not the verdict."""

    def __init__(self, text: str) -> None:
        self._words = list(_split(text))
        self._at = 0

    @property
    def next(self) -> str:
        """The word that comes next; END behind the last one."""
        return self._words[self._at] if self._at < len(self._words) else END

    @property
    def is_over(self) -> bool:
        return self._at >= len(self._words)

    def after(self, distance: int = 1) -> str:
        """A word further on."""
        at = self._at + distance
        return self._words[at] if at < len(self._words) else END

    def take(self) -> str:
        word = self.next
        self._at += 1
        return word

    def took(self, *words: str) -> bool:
        """Whether the next words are these; then they are taken."""
        if self._words[self._at : self._at + len(words)] != list(words):
            return False
        self._at += len(words)
        return True

    def expect(self, *words: str) -> None:
        if not self.took(*words):
            raise UnreadableError(f"{self.next!r} instead of {' '.join(words)}")

    def name(self) -> str:
        """A word, or a string without its quotes."""
        word = self.take()
        if word in (END, "{", "}"):
            raise UnreadableError("a name is missing")
        return bare(word)

    def mark(self) -> int:
        """Where the cursor stands, for ``back_to``."""
        return self._at

    def back_to(self, mark: int) -> None:
        self._at = mark

    def end_statement(self) -> tuple[int | None, str | None]:
        """Go to the end of the statement; the handle and the comment that stand in the rest of it."""
        handle = comment = None
        while not self.is_over and self.next not in (END, "}"):
            word = self.take()
            if word == "{":
                self.skip_block()
            elif word == "comment" and self.next.startswith(_QUOTE):
                comment = bare(self.take())
            elif word.startswith("#"):
                handle = handle_of(word)
        return handle, comment

    def skip_lines(self) -> None:
        while not self.is_over and self.next == END:
            self._at += 1

    def skip_block(self) -> None:
        """Behind the brace that closes the block which the cursor stands in."""
        depth = 1
        while depth and not self.is_over:
            depth += {"{": 1, "}": -1}.get(self.take(), 0)


def bare(word: str) -> str:
    return word[1:] if word.startswith(_QUOTE) else word


def handle_of(word: str) -> int | None:
    """The handle that ``nft -a`` writes behind a statement."""
    found = _HANDLE.match(word)
    return int(found[1]) if found else None


def _split(text: str) -> Iterator[str]:
    for found in _WORD.finditer(text):
        word = found[0]
        if word == ";":
            yield END
        elif word.startswith(_QUOTE):
            yield word[:-1]
        elif word.startswith("#"):
            yield word
        else:
            yield from _commas(word)


def _commas(word: str) -> Iterator[str]:
    """A comma at either end stands for itself; within a word it joins flags."""
    if word.startswith(",") and word != ",":
        yield ","
        word = word[1:]
    ends = word.endswith(",") and word != ","
    yield word[:-1] if ends else word
    if ends:
        yield ","
