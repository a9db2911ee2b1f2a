import re
from xml.etree import ElementTree

from unmogrowp.audits.model import HOUR_MS, Comparison, Identity
from unmogrowp.audits.plot import HOURS_SHOWN, hourly_plot


def items(hour: int, left: int, difference: int = 0) -> Comparison:
    return Comparison(
        Identity.ITEMS, "events.v1", "a", hour * HOUR_MS, "", left, "", left, difference
    )


def bars(svg: str) -> list[str]:
    return re.findall(r"<title>([^<]*)</title>", svg)


def test_nothing_received_gives_no_plot() -> None:
    assert hourly_plot([]) == ""


def test_every_hour_between_the_first_and_the_last_has_a_bar() -> None:
    svg = hourly_plot([items(10, 5), items(13, 7), items(13, 1)])
    ElementTree.fromstring(svg)
    assert [one.split(": ")[1] for one in bars(svg)] == ["5 items", "0 items", "0 items", "8 items"]


def test_an_hour_that_differs_is_marked() -> None:
    svg = hourly_plot([items(10, 5), items(11, 5, -1)])
    assert [one.endswith("counts differ") for one in bars(svg)] == [False, True]


def test_only_the_last_hours_are_shown() -> None:
    svg = hourly_plot([items(hour, hour) for hour in range(1000)])
    ElementTree.fromstring(svg)
    assert len(bars(svg)) == HOURS_SHOWN
    assert bars(svg)[-1].endswith("999 items")
