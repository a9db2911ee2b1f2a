"""Splits ClickHouse SQL into tokens, lazily, so that the data behind an INSERT is never read.

It knows just enough to tell words from quoted text: where an INSERT's data begins, which FORMAT
the query names, which names are called as functions. Whether the text is valid is the engine's
business. Text is latin-1 decoded bytes, so that positions are byte positions and binary data
cannot fail to decode.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "quoted", "string", "number", "symbol"]

_SPACE = re.compile(r"(?:[\s\x00]+|--[^\n]*|#[ !][^\n]*|/\*.*?(?:\*/|\Z))+", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_\x80-\xff][\w$\x80-\xff]*", re.ASCII)
_NUMBER = re.compile(r"[0-9][\w.]*", re.ASCII)
_STRING = re.compile(r"'(?:[^'\\]|\\.|'')*(?:'|\Z)", re.DOTALL)
_BACKTICK = re.compile(r"`(?:[^`\\]|\\.|``)*(?:`|\Z)", re.DOTALL)
_DOUBLE = re.compile(r'"(?:[^"\\]|\\.|"")*(?:"|\Z)', re.DOTALL)
_HEREDOC = re.compile(r"\$(\w*)\$.*?(?:\$\1\$|\Z)", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)|``|\"\"|''", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "a": "\a", "v": "\v"}


@dataclass(frozen=True)
class Token:
    """One token; `text` of a quoted identifier is what it names, escapes undone."""

    kind: Kind
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
    while True:
        space = _SPACE.match(sql, position)
        if space:
            position = space.end()
        if position >= len(sql):
            return
        token = _next(sql, position)
        yield token
        position = token.end


def _next(sql: str, position: int) -> Token:
    first = sql[position]
    if first == "'":
        match = _STRING.match(sql, position)
        assert match
        return Token("string", match.group(), position, match.end())
    if first in '`"':
        match = (_BACKTICK if first == "`" else _DOUBLE).match(sql, position)
        assert match
        return Token("quoted", _unescape(match.group()[1:-1]), position, match.end())
    for kind, pattern in _PATTERNS:
        match = pattern.match(sql, position)
        if match:
            return Token(kind, match.group(), position, match.end())
    return Token("symbol", first, position, position + 1)


_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("word", _WORD),
    ("number", _NUMBER),
    ("string", _HEREDOC),
)


def _unescape(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        escaped = match.group(1)
        if escaped is None:
            return match.group()[0]
        if len(escaped) == 3:
            return chr(int(escaped[1:], 16))
        return _ESCAPED.get(escaped, escaped)

    return _ESCAPE.sub(replace, text)
