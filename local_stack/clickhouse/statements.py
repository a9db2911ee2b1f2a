"""Tells from its text what a statement is, which FORMAT it names and where its data begins."""

import re
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any, Literal

from local_stack.clickhouse.lexer import Token, tokens

Kind = Literal["select", "insert_data", "insert_select", "set", "use", "kill_query", "other"]

# What follows the name of an input format in an INSERT, up to its data: ClickHouse skips blanks
# and one line end, nothing more, because binary data may begin with bytes that look like blanks.
_BEFORE_DATA = re.compile(r"[ \t\f]*\r?\n?")

# A long text without any of these need not be cut into tokens.
_TAIL_WORDS = re.compile(r"(?i)\b(format|outfile|infile|totals|extremes)\b")
_SELECT_WORDS = {"SELECT", "WITH", "FROM"}
_INSERT_SOURCES = {"SELECT", "WITH", "WATCH", "FROM"}
_NAME_FOLLOWS = {"INTO", "TABLE", "FUNCTION"}


@dataclass(frozen=True)
class Statement:
    """What a request asks for.

    Attributes:
        format: The FORMAT named in the text: of the result, or of an INSERT's data.
        head: An INSERT without FORMAT and data, as the engine's streaming insert wants it.
        data_start: Where an INSERT's data begins in the text.
        uses_file: The text has INTO OUTFILE or FROM INFILE.
        has_totals: The result may have rows of another kind, which a stream has no place for.
    """

    kind: Kind
    format: str = ""
    head: str = ""
    data_start: int = 0
    uses_file: bool = False
    has_totals: bool = False


def parse(sql: str) -> Statement:
    """Classify one statement; unfinished or wrong text is `other` and the engine says why."""
    words = _first_words(sql)
    if words[:1] == ["INSERT"]:
        return _parse_insert(sql)
    kind: Kind = "other"
    if words[:1] and words[0] in _SELECT_WORDS:
        kind = "select"
    elif words[:1] == ["SET"]:
        kind = "set"
    elif words[:1] == ["USE"]:
        kind = "use"
    elif words == ["KILL", "QUERY"]:
        kind = "kill_query"
    return Statement(kind, **_tail(sql))


def _first_words(sql: str) -> list[str]:
    found = (token.upper for token in tokens(sql) if token.text != "(")
    return list(islice(found, 2))


def _parse_insert(sql: str) -> Statement:
    depth = 0
    previous: Token | None = None
    format_word: Token | None = None
    for token in tokens(sql):
        # `INSERT INTO format` and `INSERT INTO db.values` name tables, however they are called.
        in_name = previous is not None and (previous.text == "." or previous.upper in _NAME_FOLLOWS)
        if token.kind == "symbol" and token.text in "()":
            depth += 1 if token.text == "(" else -1
        elif depth == 0 and not in_name:
            if format_word is not None and token.names:
                data = _BEFORE_DATA.match(sql, token.end)
                assert data
                head = sql[: format_word.start]
                return Statement("insert_data", token.text, head, data.end())
            if token.upper == "VALUES":
                return Statement("insert_data", "Values", sql[: token.start], token.end)
            if token.upper in _INSERT_SOURCES:
                return Statement("insert_select", **_tail(sql))
            format_word = token if token.upper == "FORMAT" else None
        previous = token
    return Statement("other")


def _tail(sql: str) -> dict[str, Any]:
    """Return what stands in a statement besides its kind: fields of `Statement`."""
    if not _TAIL_WORDS.search(sql):
        return {}
    depth = 0
    found: dict[str, Any] = {}
    before: Token | None = None
    for token in tokens(sql):
        if token.kind == "symbol" and token.text in "([{":
            depth += 1
        elif token.kind == "symbol" and token.text in ")]}":
            depth -= 1
        elif before is not None and token.names:
            if depth == 0 and before.upper == "FORMAT":
                found["format"] = token.text
            if token.upper in ("OUTFILE", "INFILE") and before.upper in ("INTO", "FROM"):
                found["uses_file"] = True
            if token.upper in ("TOTALS", "EXTREMES"):
                found["has_totals"] = True
        before = token
    return found


def used_database(sql: str) -> str:
    """Return the database that a USE statement names."""
    names = [token.text for token in tokens(sql) if token.names]
    return names[-1] if len(names) > 1 else ""


def changed_settings(sql: str) -> list[str]:
    """Return the names that a SET statement and every SETTINGS clause assign.

    `SETTINGS` counts where a name and `=` follow; a name list ends at the first token that does
    not continue it.
    """
    sequence = list(tokens(sql))
    found: list[str] = []
    for position, token in enumerate(sequence):
        qualified = position > 0 and sequence[position - 1].text == "."
        if (token.upper == "SETTINGS" and not qualified) or (token.upper == "SET" and not position):
            found += _assigned(sequence[position + 1 :])
    return found


def _assigned(sequence: list[Token]) -> list[str]:
    """Return the names of a list `a = 1, b = 2`; values may be nested."""
    found: list[str] = []
    depth = 0
    expects_name = True
    for position, token in enumerate(sequence):
        if expects_name:
            follower = sequence[position + 1].text if position + 1 < len(sequence) else ""
            if not token.names or follower != "=":
                break
            found.append(token.text)
            expects_name = False
        elif token.kind == "symbol" and token.text in "([{":
            depth += 1
        elif token.kind == "symbol" and token.text in ")]}":
            depth -= 1
            if depth < 0:
                break
        elif token.text == "," and depth == 0:
            expects_name = True
    return found


def called_names(sql: str) -> set[str]:
    """Return every name that is followed by `(`."""
    sequence = list(tokens(sql))
    return {
        token.text
        for token, follower in pairwise(sequence)
        if token.names and follower.kind == "symbol" and follower.text == "("
    }


def mentioned_names(sql: str) -> set[str]:
    """Return every name that stands alone: not behind a dot, not given by AS.

    A function can be named without being called: `arrayMap(file, ['…'])`, `* APPLY file`.
    """
    found = set()
    before: Token | None = None
    for token in tokens(sql):
        if token.names and not (before and (before.text == "." or before.upper == "AS")):
            found.add(token.text)
        before = token
    return found


def identifier_parameters(sql: str) -> set[str]:
    """Return the names of parameters that stand for identifiers, `{name:Identifier}`."""
    sequence = list(tokens(sql))
    return {
        name.text
        for brace, name, colon, kind in zip(
            sequence, sequence[1:], sequence[2:], sequence[3:], strict=False
        )
        if brace.text == "{" and colon.text == ":" and kind.upper == "IDENTIFIER"
    }
