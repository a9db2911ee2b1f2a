import pytest

from local_stack.clickhouse.chunks import content_type, joiner


def joined(output: str, pieces: list[bytes]) -> bytes:
    made = joiner(output)
    assert made is not None
    return b"".join(map(made.feed, pieces)) + made.finish()


@pytest.mark.parametrize(
    ("output", "pieces", "document"),
    [
        ("TSV", [b"1\n", b"2\n"], b"1\n2\n"),
        ("TSVWithNames", [b"a\n1\n", b"a\n2\n"], b"a\n1\n2\n"),
        ("TSVWithNamesAndTypes", [b"a\nInt8\n1\n", b"a\nInt8\n2\n"], b"a\nInt8\n1\n2\n"),
        ("CSVWithNames", [b'"a\n""b"\n1\n', b'"a\n""b"\n2\n'], b'"a\n""b"\n1\n2\n'),
        ("RowBinaryWithNames", [b"\x01\x01a\x05", b"\x01\x01a\x06"], b"\x01\x01a\x05\x06"),
        (
            "RowBinaryWithNamesAndTypes",
            [b"\x01\x01a\x05UInt8\x05", b"\x01\x01a\x05UInt8\x06"],
            b"\x01\x01a\x05UInt8\x05\x06",
        ),
    ],
)
def test_pieces_become_one_document(output: str, pieces: list[bytes], document: bytes) -> None:
    assert joined(output, pieces) == document


@pytest.mark.parametrize("output", ["Parquet", "Arrow", "Pretty", "XML", "Vertical"])
def test_what_cannot_be_cut_is_not_joined(output: str) -> None:
    assert joiner(output) is None


def test_formats_have_the_media_type_of_clickhouse() -> None:
    assert content_type("JSON").startswith("application/json")
    assert content_type("JSONEachRow").startswith("application/x-ndjson")
    assert content_type("TabSeparatedWithNames").startswith("text/tab-separated-values")
    assert content_type("Native") == "application/octet-stream"
