from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmogrowp.contracts.receipts import (
    Receipt,
    read_receipt,
    receipt_secret,
    receipt_writer,
    write_receipt,
)
from unmogrowp.contracts.rejections import (
    REJECTIONS,
    ItemFault,
    RejectionCode,
    RequestRefused,
    faults_header,
)
from unmogrowp.contracts.topics import Topic

SECRET = receipt_secret(b"p" * 32)


@given(st.sampled_from(Topic), st.uuids(), st.integers(0, 2**32 - 1), st.integers(-1, 2**63 - 1))
def test_a_receipt_gives_back_its_coordinates(
    topic: Topic, topic_id: object, partition: int, offset: int
) -> None:
    receipt = Receipt(str(topic), str(topic_id), partition, offset)
    text = write_receipt(receipt, SECRET)
    assert read_receipt(text, SECRET) == receipt
    write = receipt_writer(SECRET)
    assert [write(str(topic), str(topic_id), partition, offset) for _ in range(2)] == [text, text]


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_other_text_is_a_receipt(text: str) -> None:
    assert read_receipt(text, SECRET) is None


def test_a_receipt_of_another_installation_is_none() -> None:
    text = write_receipt(Receipt(str(Topic.EVENTS), str(uuid4()), 0, 7), SECRET)
    assert read_receipt(text, receipt_secret(b"q" * 32)) is None
    assert read_receipt(text[:-1] + ("A" if text[-1] != "A" else "B"), SECRET) is None


def test_every_code_has_a_row_in_the_table() -> None:
    assert set(REJECTIONS) == set(RejectionCode)


@pytest.mark.parametrize("code", RejectionCode)
def test_only_what_the_client_must_keep_is_retryable(code: RejectionCode) -> None:
    rejection = REJECTIONS[code]
    assert rejection.is_retryable == (rejection.status in (429, 503))
    assert rejection.is_kept != rejection.is_retryable


def test_the_header_lists_index_and_code() -> None:
    faults = [
        ItemFault(1, RejectionCode.SIZE_ITEM, "$.batch[1]", ""),
        ItemFault(12, RejectionCode.IDENTITY_NONE, "$.batch[12]", ""),
    ]
    assert faults_header(faults) == b"1:size.item,12:identity.none"


def test_a_refusal_says_code_and_detail() -> None:
    assert str(RequestRefused(RejectionCode.PARSE_JSON, "why")) == "parse.json: why"
