import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_stack.clickhouse.framing import FramingError, Unpacker, pack


def unpacked(pieces: list[bytes]) -> bytes:
    unpacker = Unpacker()
    raw = b"".join(part for piece in pieces for part in unpacker.feed(piece))
    unpacker.finish()
    return raw


@given(st.binary(max_size=3000), st.integers(1, 50))
def test_what_was_packed_comes_back_however_it_is_cut(raw: bytes, step: int) -> None:
    packed = pack(raw)
    assert unpacked([packed[at : at + step] for at in range(0, len(packed), step)]) == raw


def test_large_data_become_blocks_of_a_mebibyte() -> None:
    raw = b"x" * (2 << 20) + b"y"
    packed = pack(raw)
    assert unpacked([packed]) == raw
    assert int.from_bytes(packed[21:25], "little") == 1 << 20


def test_a_block_is_what_clickhouse_writes() -> None:
    # `SELECT 1` with compress=1, as a ClickHouse server answers it: 2 raw bytes.
    packed = pack(b"1\n")
    assert packed[16] == 0x82
    assert int.from_bytes(packed[17:21], "little") == len(packed) - 16
    assert int.from_bytes(packed[21:25], "little") == 2


@pytest.mark.parametrize("position", [0, 16, 17, 25])
def test_a_changed_byte_is_noticed(position: int) -> None:
    packed = bytearray(pack(b"some text that is longer than a header"))
    packed[position] ^= 1
    with pytest.raises(FramingError):
        unpacked([bytes(packed)])


def test_an_impossible_size_is_refused_before_it_is_waited_for() -> None:
    with pytest.raises(FramingError, match="impossible"):
        list(Unpacker().feed(b"\0" * 16 + b"\x82" + b"\xff" * 8))


def test_a_cut_block_is_refused_at_the_end() -> None:
    with pytest.raises(FramingError, match="ends within"):
        unpacked([pack(b"text")[:-1]])
