import gzip
import zlib

import lz4.frame
import pytest
import zstandard

from local_stack.clickhouse.encoding import Decoder, Encoder, choose
from local_stack.clickhouse.errors import ServerError
from local_stack.clickhouse.framing import pack

TEXT = b"some text, some text, some more text\n" * 100_000


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip, deflate", "gzip"),
        ("lz4,zstd,gzip", "lz4"),
        ("gzip;q=0, zstd;q=0.5", "zstd"),
        ("br", ""),
        ("identity", ""),
        ("", ""),
    ],
)
def test_the_fastest_accepted_encoding_is_chosen(accepted: str, chosen: str) -> None:
    assert choose(accepted) == chosen


@pytest.mark.parametrize("name", ["lz4", "zstd", "gzip", "deflate", ""])
@pytest.mark.parametrize("framed", [False, True])
def test_what_is_encoded_comes_back(name: str, framed: bool) -> None:
    encoder = Encoder(name, framed)
    data = b"".join(encoder.feed(TEXT[at : at + 70_000]) for at in range(0, len(TEXT), 70_000))
    data += encoder.finish()
    decoder = Decoder(name, framed)
    pieces = [
        piece for at in range(0, len(data), 777) for piece in decoder.feed(data[at : at + 777])
    ]
    decoder.finish()
    assert b"".join(pieces) == TEXT


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("gzip", gzip.compress(b"one") + gzip.compress(b"two")),
        ("lz4", lz4.frame.compress(b"one") + lz4.frame.compress(b"two")),
        ("zstd", zstandard.compress(b"one") + zstandard.compress(b"two")),
    ],
    ids=["gzip", "lz4", "zstd"],
)
def test_frames_one_after_another_are_one_body(name: str, body: bytes) -> None:
    assert b"".join(Decoder(name, False).feed(body)) == b"onetwo"


@pytest.mark.parametrize(
    ("name", "bomb"),
    [
        ("gzip", gzip.compress(b"\0" * 50_000_000)),
        ("deflate", zlib.compress(b"\0" * 50_000_000)),
        ("lz4", lz4.frame.compress(b"\0" * 50_000_000)),
        ("zstd", zstandard.compress(b"\0" * 200_000_000)),
    ],
)
def test_no_piece_of_a_bomb_is_large(name: str, bomb: bytes) -> None:
    largest = max(len(piece) for piece in Decoder(name, False).feed(bomb))
    assert largest <= 64 << 20


@pytest.mark.parametrize("name", ["gzip", "deflate", "lz4", "zstd"])
def test_bytes_that_are_something_else_are_refused(name: str) -> None:
    with pytest.raises(ServerError):
        list(Decoder(name, False).feed(b"this is not compressed at all"))


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(ServerError):
        Decoder("br", False)


def test_a_cut_frame_is_refused_at_the_end() -> None:
    decoder = Decoder("", True)
    list(decoder.feed(pack(b"text")[:-2]))
    with pytest.raises(ServerError):
        decoder.finish()
