"""Splits ClickHouse SQL into tokens, lazily, so that the data behind an INSERT is never read.

It knows just enough to tell words from quoted text: where an INSERT's data begins, which FORMAT
the query names, which names are called as functions. Whether the text is valid is the engine's
business. Text is latin-1 decoded bytes, so that positions are byte positions and binary data
cannot fail to decode.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_SPACE = re.compile(r"(?:[\s\x00]+|--[^\n]*|#[ !][^\n]*|/\*.*?(?:\*/|\Z))+", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<word>[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*)
    |(?P<number>[0-9][A-Za-z0-9_.]*)
    |(?P<string>'(?:[^'\\]|\\.|'')*(?:'|\Z)|\$(?P<tag>[A-Za-z0-9_]*)\$.*?(?:\$(?P=tag)\$|\Z))
    |(?P<quoted>`(?:[^`\\]|\\.|``)*(?:`|\Z)|"(?:[^"\\]|\\.|"")*(?:"|\Z))
    |(?P<symbol>.)""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)|``|\"\"|''", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "a": "\a", "v": "\v"}


class Token(NamedTuple):
    """One token; `text` of a quoted identifier is what it names, escapes undone.

    `kind` is word, number, string, quoted or symbol.
    """

    kind: str
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """Return a bare word in upper case; nothing else ever equals a keyword."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def names(self) -> bool:
        """Return whether the token can be an identifier."""
        return self.kind in ("word", "quoted")


def tokens(sql: str, start: int = 0) -> Iterator[Token]:
    """Yield the tokens of `sql` from `start`, without comments and white space."""
    position = start
    size = len(sql)
    while True:
        space = _SPACE.match(sql, position)
        if space:
            position = space.end()
        if position >= size:
            return
        match = _TOKEN.match(sql, position)
        assert match
        assert match.lastgroup
        kind, text, position = match.lastgroup, match.group(), match.end()
        if kind == "quoted":
            text = _unescape(text[1:-1])
        yield Token(kind, text, match.start(), position)


def _unescape(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        escaped = match.group(1)
        if escaped is None:
            return match.group()[0]
        if len(escaped) == 3:
            return chr(int(escaped[1:], 16))
        return _ESCAPED.get(escaped, escaped)

    return _ESCAPE.sub(replace, text)
