"""How answers of Great Expectations become verdicts, and its swallowed errors errors again."""

from typing import get_args

import pytest

from assets.checks.evaluations import check_results
from assets.checks.expectation import (
    has_rows_like_before,
    is_between,
    is_given,
    is_one_of,
    is_unique,
    never,
    rarely,
)
from assets.checks.gx import _verdict, redact
from assets.checks.registry import SUITES
from assets.checks.runner import TableReport
from tests.fakes.pipeline import PipelineHouse
from unmogrowp.errors import QueryFailed, WarehouseUnavailable
from unmogrowp.warehouse.ledger_numbers import Change, next_number, take_number
from unmogrowp.warehouse.quality import QualityResult
from unmogrowp.warehouse.table_registry import tables

UNIQUE = is_unique("install_id")


@pytest.fixture(scope="module")
def house():
    return PipelineHouse()


@pytest.fixture(scope="module")
def engine(house):
    return house.engine_of_expectations()


def answer(success, exception_info=None, **result):
    return {"success": success, "result": result, "exception_info": exception_info or {}}


def test_a_true_sentence_has_no_rows_against_it():
    verdict = _verdict(UNIQUE, answer(True, observed_value=0))
    assert (verdict.is_true, verdict.unexpected_count) == (True, 0)


def test_a_false_sentence_counts_the_rows_that_break_it():
    verdict = _verdict(UNIQUE, answer(False, observed_value=2))
    assert (verdict.unexpected_count, verdict.observed) == (2, "2")


def test_a_false_sentence_about_the_whole_counts_as_one():
    rows = has_rows_like_before(0, 100)
    assert _verdict(rows, answer(False, observed_value=500)).unexpected_count == 1


def test_a_share_is_told_in_percent():
    share = rarely("a number is odd", "number % 2", share=0.1)
    assert _verdict(share, answer(False, observed_value=0.5)).observed == "50.0%"


FLAT = {"raised_exception": True, "exception_message": "Code: 47. Unknown identifier"}


@pytest.mark.parametrize("info", [FLAT, {"metric": FLAT}], ids=["flat", "nested by metric"])
def test_a_sentence_that_could_not_be_evaluated_is_an_error_and_not_bad_data(info):
    with pytest.raises(QueryFailed, match="could not be evaluated"):
        _verdict(UNIQUE, answer(False, info))


def test_an_outage_is_worth_another_try():
    info = {"raised_exception": True, "exception_message": "Max retries exceeded with url"}
    with pytest.raises(WarehouseUnavailable):
        _verdict(UNIQUE, answer(False, info))


def test_an_error_does_not_tell_the_password():
    assert redact("clickhousedb://pipeline:secret@host:8123/x") == (
        "clickhousedb://pipeline:***@host:8123/x"
    )


def test_every_table_that_people_read_has_a_suite_with_a_contract_and_drift():
    layers = {"raw", "clean", "mart", "audit"}
    assert set(SUITES) == {n for n, table in tables().items() if table.database in layers}
    for suite in SUITES.values():
        severities = {expect.severity for expect in suite.expectations}
        assert severities == {"error", "warning"}, suite.table
        sentences = [expect.sentence for expect in suite.expectations]
        assert len(sentences) == len(set(sentences)), suite.table


def test_every_column_that_a_suite_names_exists():
    for suite in SUITES.values():
        columns = {column.name for column in tables()[suite.table].columns}
        named = {expect.column for expect in suite.expectations if expect.column}
        assert named <= columns, suite.table


def result(severity, is_passed):
    return QualityResult("mart.installs", "2026-11-01", "expectations", "s", is_passed, severity)


@pytest.mark.parametrize(
    ("broken", "expected"),
    [("error", (False, True)), ("warning", (True, False))],
    ids=["a breach fails the contract only", "drift fails the drift check only"],
)
def test_contract_and_drift_are_told_apart(broken, expected):
    results = tuple(result(s, s != broken) for s in ("error", "warning"))
    contract, drift = check_results(TableReport("mart.installs", "2026-11-01", results))
    assert (contract.passed, drift.passed) == expected
    assert drift.severity.value == "WARN"


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("table", sorted(SUITES))
def test_every_suite_can_be_evaluated_by_the_engine(table, house):
    report = house.quality().check(table, None)
    assert [one.sentence for one in report.results if not one.is_passed] == []


@pytest.mark.filterwarnings("default")
def test_a_share_of_a_handful_of_rows_is_no_drift(engine):
    often = rarely("a number is odd", "number % 2", share=0.1)
    few, many = ("SELECT number FROM numbers(10)", "SELECT number FROM numbers(1000)")
    assert engine.validate(few, [often])[0].is_true
    assert not engine.validate(many, [often])[0].is_true


ROWS = """
    SELECT number AS id, intDiv(number, 2) AS pair, if(number = 3, '', 'it\\'s') AS word,
        if(number = 4, NULL, number) AS maybe
    FROM numbers(6)
"""


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("expect", "broken"),
    [
        (is_unique("id"), 0),
        (is_unique("pair"), 3),
        (is_unique("pair", "id"), 0),
        (is_unique("pair", "word"), 2),
        (is_given("word"), 1),
        (is_one_of("word", ("it's",)), 1),
        (is_one_of("word", ("it's", "")), 0),
        (is_one_of("id", ("0", "1")), 4),
        (is_between("id", 0, 5), 0),
        (is_between("id", 1, 4), 2),
        (is_between("id", 2), 2),
        (is_between("maybe", 0), 0),
        (is_between("maybe", 4), 4),
        (never("no digit is even", "match(toString(id), '^[02468]{1}$')"), 3),
        (never("a sign of a pattern is none of SQLAlchemy", "word LIKE 'it%'"), 5),
        (never("a sign in a regular expression is itself", "match('50%', '^50%$')"), 6),
        (never("a remainder is a remainder", "id % 2"), 3),
        (never("a colon is no placeholder", "word = ':id'"), 0),
    ],
)
def test_rows_that_break_a_sentence_are_counted(expect, broken, engine):
    (verdict,) = engine.validate(ROWS, [expect])
    assert (verdict.is_true, verdict.unexpected_count) == (broken == 0, broken)


@pytest.mark.filterwarnings("default")
def test_the_number_of_rows_lies_between_both_limits(engine):
    expectations = [has_rows_like_before(low, high) for low, high in ((6, 6), (7, 9), (0, 5))]
    verdicts = engine.validate(ROWS, expectations)
    assert [verdict.is_true for verdict in verdicts] == [True, False, False]


@pytest.mark.filterwarnings("default")
def test_no_rows_break_no_sentence(engine):
    often = rarely("a number is odd", "id % 2", share=0.1)
    expectations = [is_unique("id"), is_given("word"), often]
    verdicts = engine.validate(f"{ROWS} WHERE id > 9", expectations)
    assert all(verdict.is_true for verdict in verdicts)


@pytest.mark.filterwarnings("default")
def test_a_sentence_about_a_column_that_does_not_exist_is_an_error_of_ours(engine):
    with pytest.raises(QueryFailed, match="nowhere"):
        engine.validate(ROWS, [is_given("nowhere")])


@pytest.mark.parametrize("change", get_args(Change))
@pytest.mark.filterwarnings("default")
def test_a_number_of_the_ledger_that_a_change_took_breaks_no_contract(
    house: PipelineHouse, change: Change
) -> None:
    """A fraud review, for one: its entry made every audit after it fail."""
    take_number(house.warehouse, next_number(house.warehouse), change, "why", 1)
    report = house.quality().check("audit.landing_ranges", None)
    assert report.results, "something was looked at"
    assert report.breaches == []
