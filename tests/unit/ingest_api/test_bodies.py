import asyncio
import gzip
import json
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_api.bodies import ClientLeft, mend_surrogates, read_body, unpack
from unmogrowp.contracts.rejections import RejectionCode, RequestRefused


def receiving(*chunks: bytes, leaves: bool = False) -> Callable[[], Awaitable[dict[str, Any]]]:
    messages = [
        {"type": "http.request", "body": chunk, "more_body": leaves or index < len(chunks) - 1}
        for index, chunk in enumerate(chunks)
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    return receive


def accept_any(sizes: list[int]) -> Callable[[int], bool]:
    def on_size(size: int) -> bool:
        sizes.append(size)
        return True

    return on_size


def read(*chunks: bytes, limit: int = 10, leaves: bool = False) -> tuple[bytes, bool]:
    sizes: list[int] = []
    return asyncio.run(read_body(receiving(*chunks, leaves=leaves), limit, accept_any(sizes)))


@pytest.mark.parametrize(
    ("chunks", "body", "is_cut"),
    [
        ([b""], b"", False),
        ([b"0123456789"], b"0123456789", False),
        ([b"01234", b"56789"], b"0123456789", False),
        ([b"0123456789a"], b"0123456789", True),
        ([b"012345", b"6789a", b"bc"], b"0123456789", True),
    ],
)
def test_a_body_is_read_up_to_its_limit(chunks: list[bytes], body: bytes, is_cut: bool) -> None:
    assert read(*chunks) == (body, is_cut)


def test_who_leaves_is_not_answered() -> None:
    for chunks in ([], [b"01"]):
        with pytest.raises(ClientLeft):
            read(*chunks, leaves=True)


def test_the_size_of_a_body_in_pieces_is_told_as_it_grows() -> None:
    sizes: list[int] = []
    asyncio.run(read_body(receiving(b"ab", b"cd", b"ef"), 5, accept_any(sizes)))
    assert sizes == [4, 5]


def test_a_body_that_is_refused_as_it_grows_is_read_no_further() -> None:
    chunks = receiving(b"ab", b"cd", b"ef")
    assert asyncio.run(read_body(chunks, 100, lambda _: False)) == (b"abcd", False)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " gzip", "x-gzip", "", "identity"])
def test_gzip_is_unpacked_whatever_the_header_says(encoding: str) -> None:
    assert unpack(gzip.compress(b"text"), encoding, 100) == b"text"


def test_deflate_and_members_in_a_row_are_unpacked() -> None:
    assert unpack(zlib.compress(b"text"), "deflate", 100) == b"text"
    assert unpack(gzip.compress(b"one ") + gzip.compress(b"two") + b"\0\0", "gzip", 7) == b"one two"


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_unpacked_bytes_have_exactly_the_limit(extra: int) -> None:
    body = b"x" * (1000 + extra)
    for wire, encoding in ((body, ""), (gzip.compress(body), "gzip")):
        if extra <= 0:
            assert unpack(wire, encoding, 1000) == body
        else:
            with pytest.raises(RequestRefused) as refusal:
                unpack(wire, encoding, 1000)
            assert refusal.value.code == RejectionCode.SIZE_BODY


def test_a_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    with pytest.raises(RequestRefused) as refusal:
        unpack(bomb, "gzip", 1_000_000)
    assert refusal.value.code == RejectionCode.SIZE_BODY


@pytest.mark.parametrize(
    "wire",
    [
        b"no gzip",
        gzip.compress(b"text")[:-4],
        gzip.compress(b"text" * 100)[:18],
        gzip.compress(b"text")[:12] + b"\xff\xff" + gzip.compress(b"text")[14:],
        gzip.compress(b"text") + b"garbage",
    ],
    ids=["not gzip", "cut in the trailer", "cut in the data", "wrong bytes", "rubbish behind"],
)
def test_broken_gzip_is_refused(wire: bytes) -> None:
    with pytest.raises(RequestRefused) as refusal:
        unpack(wire, "gzip", 1000)
    assert refusal.value.code == RejectionCode.PARSE_GZIP


def test_an_empty_packed_body_is_empty() -> None:
    assert unpack(b"", "gzip", 10) == b""


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(RequestRefused) as refusal:
        unpack(b"{}", encoding, 100)
    assert refusal.value.code == RejectionCode.PARSE_ENCODING


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
        (rb'"cut \ud83d"', rb'"cut \ufffd"'),
        (rb'"\ude00"', rb'"\ufffd"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\\ud83d"', rb'"\\ud83d"'),
        (rb'"\\\ud83d"', rb'"\\\ufffd"'),
        (rb'"plain"', rb'"plain"'),
    ],
)
def test_half_characters_become_the_replacement_character(before: bytes, after: bytes) -> None:
    assert mend_surrogates(before) == after


@given(st.text(alphabet=st.characters(codec=None, min_codepoint=1), max_size=20))
def test_mended_text_is_text_and_keeps_its_length(text: str) -> None:
    body = json.dumps(text).encode()
    mended = mend_surrogates(body)
    assert len(mended) == len(body)
    json.loads(mended).encode()
