"""Batches as Kafka's own format has them: read back by kafka-python, which knows it best."""

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.memory_records import MemoryRecords
from kafka.structs import TopicPartition

from unmogrowp.errors import SinkUnavailable
from unmogrowp.stream.kafka_batches import Batch, Flight, Records, codec
from unmogrowp.stream.port import Placement

NOW = 1_790_251_200_000
headers = st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=200)), max_size=5)
records = st.lists(
    st.tuples(
        st.integers(NOW - 10_000_000, NOW + 10_000_000),
        st.none() | st.binary(max_size=100),
        st.binary(max_size=5_000),
        headers,
    ),
    min_size=1,
    max_size=20,
)


def nobody(*_: Any) -> None: ...


def read(made: Records) -> Any:
    (batch,) = MemoryRecords(made.buffer())
    assert batch.validate_crc()
    return batch


@given(records, st.sampled_from(["none", "lz4", "zstd"]))
def test_whatever_is_added_is_read_back_in_its_order(
    given_records: list[tuple[int, bytes | None, bytes, list[tuple[str, bytes]]]], compression: str
) -> None:
    made = Records(10**9, *codec(compression))
    for at, key, value, head in given_records:
        assert made.add(at, key, value, head, nobody)
    made.set_producer_state(7, 3, 41, False)
    made.close()
    batch = read(made)
    found = [(one.timestamp, one.key, one.value, list(one.headers)) for one in batch]
    assert found == given_records
    assert [one.offset for one in read(made)] == list(range(len(given_records)))
    assert (batch.producer_id, batch.producer_epoch, batch.base_sequence) == (7, 3, 41)
    assert made.next_offset() == len(given_records)


@pytest.mark.parametrize("length", [0, 63, 64, 4_095, 4_096, 8_191, 8_192, 1_048_576])
def test_lengths_at_the_edges_of_their_spelling(length: int) -> None:
    made = Records(1, *codec("none"))
    assert made.add(NOW, b"k" * length, b"v" * length, [("h", b"x" * length)], nobody)
    (record,) = read(made)
    assert (record.key, record.value) == (b"k" * length, b"v" * length)
    assert list(record.headers) == [("h", b"x" * length)]


def test_bytes_that_do_not_shrink_are_sent_as_they_are() -> None:
    made = Records(10**6, *codec("lz4"))
    made.add(NOW, None, b"", [], nobody)
    assert read(made).compression_type == 0


def test_the_first_record_always_has_room_and_the_next_only_below_the_size() -> None:
    made = Records(1_000, *codec("none"))
    assert made.add(NOW, None, b"x" * 5_000, [], nobody)
    assert made.is_full()
    assert not made.add(NOW, None, b"", [], nobody)
    small = Records(1_000, *codec("none"))
    while small.add(NOW, b"key", b"x" * 50, [], nobody):
        pass
    assert 700 < len(small.buffer()) <= 1_000


@pytest.mark.parametrize("seal", ["state", "close"])
def test_nothing_is_added_to_a_batch_whose_sequence_is_given(seal: str) -> None:
    made = Records(10**6, *codec("none"))
    made.add(NOW, None, b"1", [], nobody)
    if seal == "state":
        made.set_producer_state(1, 0, 0, False)
    else:
        made.close()
    assert not made.add(NOW, None, b"2", [], nobody)
    assert made.is_full()
    assert [one.value for one in read(made)] == [b"1"]
    again = made.buffer()
    made.close()
    assert made.buffer() is again, "a batch that is tried again stays as it is"


def test_threads_that_add_while_another_closes_lose_nothing() -> None:
    made = Records(10**9, *codec("lz4"))
    taken: list[bytes] = []
    start = threading.Barrier(3)

    def add(name: bytes) -> None:
        start.wait()
        for number in range(2_000):
            value = b"%b-%d" % (name, number)
            if not made.add(NOW, None, value, [("n", name)], nobody):
                return
            taken.append(value)

    threads = [threading.Thread(target=add, args=(name,)) for name in (b"a", b"b")]
    for thread in threads:
        thread.start()
    start.wait()
    made.set_producer_state(1, 0, 0, False)
    for thread in threads:
        thread.join()
    if taken:
        assert sorted(one.value for one in read(made)) == sorted(taken)
    assert len(made.waiting) == made.count == len(taken)


def batch_of(count: int) -> tuple[Batch, list[Placement | Exception | None], Flight]:
    outcomes: list[Placement | Exception | None] = [None] * count
    made = Records(10**6, *codec("none"))
    for number in range(count):

        def on_done(
            placement: Placement | None, error: Exception | None, number: int = number
        ) -> None:
            outcomes[number] = placement or error

        made.add(NOW, None, b"%d" % number, [], on_done)
    flight = Flight()
    return (
        Batch(TopicPartition("t", 1), made, 0.0, flight, lambda topic: f"id of {topic}"),
        outcomes,
        flight,
    )


def test_each_record_learns_its_own_offset() -> None:
    batch, outcomes, flight = batch_of(3)
    batch.complete(100, -1)
    assert outcomes == [Placement("t", "id of t", 1, offset) for offset in (100, 101, 102)]
    assert flight.settled == 3


def test_an_offset_the_broker_has_forgotten_is_not_made_up() -> None:
    batch, outcomes, _ = batch_of(2)
    batch.complete(-1, -1)
    assert outcomes == [Placement("t", "id of t", 1, -1)] * 2


@pytest.mark.parametrize("way", ["aborted", "failed"])
def test_each_record_of_a_lost_batch_is_unknown(way: str) -> None:
    batch, outcomes, flight = batch_of(2)
    error = ValueError("lost")
    if way == "aborted":
        batch.abort(error)
    else:
        batch.complete_exceptionally(error, lambda _: error)
    assert [type(outcome) for outcome in outcomes] == [SinkUnavailable] * 2
    assert flight.settled == 2
