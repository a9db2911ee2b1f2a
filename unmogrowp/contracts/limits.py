"""How large and how deep a request may be; sizes in bytes, counted on the unpacked body."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
# No JSON text holds a NUL, so it can stand between texts.
_SEPARATOR = b"\0"
_NOT_BRACKETS_NOR_SEPARATOR = bytes(set(range(256)) - set(b"{}[]" + _SEPARATOR))
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of contract 1."""

    max_wire_bytes: int = 4 * 1024 * 1024
    max_unpacked_bytes: int = 10 * 1024 * 1024
    max_items: int = 2_500
    max_item_bytes: int = 32 * 1024
    max_depth: int = 32


def is_deeper_than(json_text: bytes, max_depth: int) -> bool:
    """Say whether well-formed JSON nests deeper; a lone object or array has depth 1.

    Most texts have too few brackets to be deep, whether these stand in strings or not: only the
    others are read token by token.
    """
    if len(json_text.translate(None, _NOT_BRACKETS)) <= 2 * max_depth:
        return False
    depth = 0
    for token in _TOKENS.finditer(json_text):
        byte = json_text[token.start()]
        if byte in b"[{":
            depth += 1
            if depth > max_depth:
                return True
        elif byte in b"]}":
            depth -= 1
    return False


def may_be_deeper_than(json_texts: Sequence[Any], max_depth: int) -> bool:
    """Say whether any of the texts has so many brackets that it could nest deeper.

    One pass over all of them: a call per text would cost more than the search itself.
    """
    brackets = _SEPARATOR.join(json_texts).translate(None, _NOT_BRACKETS_NOR_SEPARATOR)
    return max(map(len, brackets.split(_SEPARATOR))) > 2 * max_depth


def has_more_items_than(body: bytes, max_items: int) -> bool:
    """Say whether an array directly under the top object has more items, without decoding it.

    Guards the slow path: a body of a million tiny items would otherwise become a million objects
    before they can be counted.
    """
    if body.count(b",") < max_items:
        return False
    depth = separators = 0
    for token in _TOKENS.finditer(body):
        byte = body[token.start()]
        if byte in b"[{":
            depth += 1
        elif byte in b"]}":
            depth -= 1
            if depth == 1:
                separators = 0
        elif byte == 0x2C and depth == 2:  # a comma
            separators += 1
            if separators >= max_items:
                return True
    return False
