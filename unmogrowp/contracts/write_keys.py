"""Write keys, taken out of bodies before these reach the stream, where analysts may read them.

Some SDKs put the key beside the batch, and people put it anywhere. A key is found as plain bytes
and in every spelling JSON has for it, and only within texts: what stands between them, the names
and the numbers of a body keep their bytes (docs/adr/0033).
"""

import re
from collections.abc import Callable

REDACTED = b"redacted"
# A shorter key is found by chance, and is taken for one only where a name says so.
MIN_BYTES_FOUND_ANYWHERE = 12

_NAMES = b"|".join((b"writeKey", b"write_key", b"writekey", b"apiKey", b"api_key", b"api key"))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NAMED = re.compile(rb'"(?:' + _NAMES + rb')"\s*:\s*"(?:[^"\\]|\\.)*"', re.DOTALL)
# Characters that JSON texts hold as they are; with a letter no number is made of.
_PLAIN = re.compile(rb"[A-Za-z0-9_.+=~-]*[A-DF-Za-df-z_=~][A-Za-z0-9_.+=~-]*")
_ESCAPED_ASCII = re.compile(rb"\\u00[2-7][0-9a-fA-F]")
_SHORT_ESCAPES = {'"': rb"\\\"", "\\": rb"\\\\", "/": rb"\\/"}


class WriteKey:
    """A key and how to find it; made once per key, used for every request that shows it."""

    __slots__ = ("_characters", "_is_plain", "_is_short", "_key", "_spelled")

    def __init__(self, text: str) -> None:
        self._key = text.encode()
        self._characters = frozenset(self._key)
        self._is_short = len(self._key) < MIN_BYTES_FOUND_ANYWHERE
        self._is_plain = not self._is_short and _PLAIN.fullmatch(self._key) is not None
        self._spelled = re.compile(b"".join(map(_spellings, text)), re.IGNORECASE)

    def redact(self, body: bytes) -> bytes:
        """Return the body without the key; the same object where the body does not hold it.

        What is well-formed JSON stays so, and nothing else of it changes.
        """
        if self._is_plain:
            if self._may_be_escaped(body):
                changed = self._cut(body, self._find_spelled)
            elif body.rfind(self._key) >= 0:  # from the end: CPython is twice as fast there
                changed = self._cut(body, self._find_plain)
            else:
                return body
        elif self._key in body or b"\\" in body:
            within = _NAMED if self._is_short else _STRING
            changed = within.sub(lambda text: self._cut(text[0], self._find_spelled), body)
        else:
            return body
        return body if changed == body else changed

    @staticmethod
    def _cut(text: bytes, find: Callable[[bytes, int], tuple[int, int]]) -> bytes:
        parts: list[bytes] = []
        begin = 0
        first, end = find(text, 0)
        while first >= 0:
            before = first
            while before > begin and text[before - 1] == 0x5C:  # a backslash
                before -= 1
            if (first - before) % 2:  # its first character belongs to an escape
                end = first + 1
            else:
                parts += (text[begin:first], REDACTED)
                begin = end
            first, end = find(text, end)
        return b"".join((*parts, text[begin:])) if parts else text

    def _find_plain(self, text: bytes, at: int) -> tuple[int, int]:
        first = text.find(self._key, at)
        return first, first + len(self._key)

    def _find_spelled(self, text: bytes, at: int) -> tuple[int, int]:
        found = self._spelled.search(text, at)
        return found.span() if found is not None else (-1, -1)

    def _may_be_escaped(self, body: bytes) -> bool:
        # A backslash is found fifty times faster than anything longer.
        if b"\\" not in body or b"\\u00" not in body:
            return False
        return any(
            int(match.group()[2:], 16) in self._characters
            for match in _ESCAPED_ASCII.finditer(body)
        )


def _spellings(character: str) -> bytes:
    """Return a pattern for one printable ASCII character, as JSON may spell it."""
    ways = [rb"\\(?-i:u)%04x" % ord(character)]
    if character in _SHORT_ESCAPES:
        ways.append(_SHORT_ESCAPES[character])
    if character not in '"\\':
        ways.append(b"(?-i:" + re.escape(character).encode() + b")")
    return b"(?:" + b"|".join(ways) + b")"
