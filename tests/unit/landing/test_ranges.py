"""The ledger: one row for what is settled, whatever it held before."""

from tests.engine import empty_tables, engine
from unmogrowp.landing.ranges import LandingRange, Ledger


def test_a_settled_number_is_one_row_whether_it_is_given_or_taken() -> None:
    warehouse = engine()
    empty_tables(warehouse)
    ledger = Ledger(warehouse)
    for number in (0, 0, 7, 8, 0):
        ledger.settle(LandingRange(number, "", "", 0, 0, 0), "rebuilt", "", 1)
    rows = warehouse.rows("SELECT landing_seq FROM audit.landing_ranges ORDER BY landing_seq")
    assert [row[0] for row in rows] == [1, 2, 7, 8, 9]
