import pytest

from local_stack.clickhouse.errors import ServerError, from_engine


def test_the_last_exception_of_a_chain_counts() -> None:
    chained = "Streaming failed: Code: 1. DB::Exception: a: Code: 60. DB::Exception: No table. (X)"
    error = from_engine(RuntimeError(chained))
    assert (error.code, error.text()) == (60, "Code: 60. DB::Exception: No table. (X)")


def test_an_operating_system_error_has_its_code() -> None:
    error = from_engine(RuntimeError("Code: 76. DB::ErrnoException: Cannot open file"))
    assert error.code == 76


def test_what_has_no_code_is_an_unknown_exception() -> None:
    assert from_engine(RuntimeError("odd")).text() == (
        "Code: 1002. DB::Exception: odd (UNKNOWN_EXCEPTION)"
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [(62, 400), (60, 404), (516, 403), (497, 403), (202, 503), (164, 500), (9, 500)],
)
def test_codes_have_the_status_clickhouse_gives_them(code: int, status: int) -> None:
    assert ServerError(code, "x").status == status
