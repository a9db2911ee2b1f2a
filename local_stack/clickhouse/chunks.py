"""Joins the pieces of a streamed result: the engine makes every piece a whole document.

Formats without header or footer join as they are. Those with a header lose it from the second
piece on; of JSON only the rows are taken, and the last footer gets the number of all rows. The
rest (Parquet, Pretty, XML...) cannot be cut: such results are made whole, under `max_result_bytes`.
"""

import re
from collections.abc import Callable
from functools import partial

_PLAIN = {
    "csv", "jsoneachrow", "jsonlines", "ndjson", "jsonstringseachrow", "jsoncompacteachrow",
    "jsoncompactstringseachrow", "native", "rowbinary", "tabseparated", "tabseparatedraw", "tsv",
    "tsvraw", "raw", "tskv", "msgpack", "lineasstring", "rawblob",
}  # fmt: skip
_LINES = {"csv": 1, "tabseparated": 1, "tsv": 1, "tabseparatedraw": 1, "tsvraw": 1, "raw": 1,
          "jsoncompacteachrow": 1, "jsoncompactstringseachrow": 1}  # fmt: skip
_JSON = {"json", "jsoncompact", "jsonstrings", "jsoncompactstrings"}
_JSON_ROWS = b'"data":\n\t[\n'
_JSON_FOOTER = b'\n\t],\n\n\t"rows": '
_JSON_COUNT = re.compile(rb'"rows": (\d+)')
_ARROW_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"

Cut = Callable[[bytes], int]


class Joiner:
    """Turns pieces into one document."""

    def __init__(self, cut: Cut | None, end: bytes = b"") -> None:
        self._cut = cut
        self._end = end
        self._first = True

    def feed(self, piece: bytes) -> bytes:
        """Return what of a piece belongs into the document."""
        if self._end and piece.endswith(self._end):
            piece = piece[: -len(self._end)]
        if self._first or self._cut is None:
            self._first = False
            return piece
        return piece[self._cut(piece) :]

    def finish(self) -> bytes:
        """Return what ends the document."""
        return self._end


class JsonJoiner(Joiner):
    """Turns JSON documents of the same columns into one.

    Line ends within strings are escaped, so marks that contain one are no part of any value.
    """

    def __init__(self) -> None:
        super().__init__(None)
        self._rows = 0
        self._footer = b""

    def feed(self, piece: bytes) -> bytes:
        """Return the rows of a piece; of the first one also what stands before them."""
        begin = piece.index(_JSON_ROWS) + len(_JSON_ROWS)
        end = piece.rindex(_JSON_FOOTER)
        self._footer = piece[end:]
        match = _JSON_COUNT.search(self._footer)
        self._rows += int(match.group(1)) if match else 0
        first, self._first = self._first, False
        return piece[:end] if first else b",\n" + piece[begin:end]

    def finish(self) -> bytes:
        """Return the footer, with the number of all rows."""
        return _JSON_COUNT.sub(b'"rows": %d' % self._rows, self._footer, count=1)


def joiner(output: str) -> Joiner | None:
    """Return how to join pieces of this format, None where it cannot be cut."""
    name = output.lower()
    if name in _JSON:
        return JsonJoiner()
    if name in _PLAIN:
        return Joiner(None)
    if name == "arrowstream":
        return Joiner(_arrow_header, _ARROW_END)
    if name in ("rowbinarywithnames", "rowbinarywithnamesandtypes"):
        copies = 2 if name.endswith("types") else 1
        return Joiner(partial(_row_binary_header, copies=copies))
    for suffix, lines in (("withnamesandtypes", 2), ("withnames", 1)):
        base = name.removesuffix(suffix)
        if base != name and base in _LINES:
            quote = b'"' if base == "csv" else b""
            return Joiner(partial(_line_header, lines=lines, quote=quote))
    return None


def _line_header(piece: bytes, lines: int, quote: bytes) -> int:
    position = 0
    for _ in range(lines):
        end = piece.find(b"\n", position)
        # A name in quotes may hold a line end: a line is whole when its quotes are even.
        while quote and end >= 0 and piece.count(quote, position, end) % 2:
            end = piece.find(b"\n", end + 1)
        if end < 0:
            return len(piece)
        position = end + 1
    return position


def _row_binary_header(piece: bytes, copies: int) -> int:
    columns, position = _varint(piece, 0)
    for _ in range(columns * copies):
        length, position = _varint(piece, position)
        position += length
    return position


def _varint(piece: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = piece[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _arrow_header(piece: bytes) -> int:
    """The schema message: continuation marker, length, metadata; it has no body."""
    return 8 + int.from_bytes(piece[4:8], "little")


BINARY = "application/octet-stream"
_CONTENT_TYPES = (
    ("jsoneachrow", "application/x-ndjson; charset=UTF-8"),
    ("json", "application/json; charset=UTF-8"),
    ("csv", "text/csv; charset=UTF-8; header=absent"),
    ("tsv", "text/tab-separated-values; charset=UTF-8"),
    ("tabseparated", "text/tab-separated-values; charset=UTF-8"),
    ("xml", "application/xml; charset=UTF-8"),
    ("pretty", "text/plain; charset=UTF-8"),
    ("vertical", "text/plain; charset=UTF-8"),
    ("markdown", "text/markdown; charset=UTF-8"),
    ("values", "text/plain; charset=UTF-8"),
    ("sqlinsert", "text/plain; charset=UTF-8"),
    ("customseparated", "text/plain; charset=UTF-8"),
    ("template", "text/plain; charset=UTF-8"),
    ("hash", "text/plain; charset=UTF-8"),
)


def content_type(output: str) -> str:
    """Return the media type ClickHouse gives a format."""
    name = output.lower()
    return next(
        (kind for prefix, kind in _CONTENT_TYPES if name.startswith(prefix)),
        BINARY,
    )
