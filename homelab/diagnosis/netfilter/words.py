"""One line of iptables-save or ipset save, split into words as the tools themselves quote them."""

import re
from typing import NamedTuple


class Word(NamedTuple):
    """``quoted`` tells a value that only looks like an option from an option."""

    text: str
    quoted: bool = False

    @property
    def is_option(self) -> bool:
        return not self.quoted and len(self.text) > 1 and self.text[0] == "-" and not _number(self)


def _number(word: Word) -> bool:
    return word.text[1:2].isdecimal()


_PLAIN = re.compile(r'\s*(?:"([^"\\]*)"|([^\s"\'\\]+))(?=\s|$)')
"""A word of the common sort: bare, or whole in quotes, without a backslash."""


def split(line: str) -> tuple[Word, ...] | None:
    """The words of a line; None when a quotation does not end."""
    plain = list(_PLAIN.finditer(line))
    if sum(each.end() - each.start() for each in plain) == len(line.rstrip()):
        return tuple(Word(each[2] or each[1] or "", each[2] is None) for each in plain)
    words: list[Word] = []
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        found = _word(line, at)
        if found is None:
            return None
        word, at = found
        words.append(word)
    return tuple(words)


def _word(line: str, at: int) -> tuple[Word, int] | None:
    """The word that starts here, and the position after it."""
    # xtables_save_string in libxtables quotes with " and escapes ", \ and ' by a backslash.
    letters: list[str] = []
    quote = ""
    quoted = False
    while at < len(line):
        letter = line[at]
        if letter == "\\" and at + 1 < len(line):
            at += 1
            letters.append(line[at])
        elif quote:
            if letter == quote:
                quote = ""
            else:
                letters.append(letter)
        elif letter in "\"'":
            quote, quoted = letter, True
        elif letter.isspace():
            break
        else:
            letters.append(letter)
        at += 1
    return None if quote else (Word("".join(letters), quoted), at)


class Option(NamedTuple):
    """One option of a match or a target: ``! --dport 80``."""

    name: str
    values: tuple[str, ...] = ()
    negated: bool = False


class Group(NamedTuple):
    """One use of a module with the options given to it; the module's name is "" for the generic ones."""

    module: str
    options: tuple[Option, ...] = ()
