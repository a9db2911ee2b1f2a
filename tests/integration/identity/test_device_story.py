"""What `unmogrowp device` tells of the device behind an identifier."""

import io

import pytest
from rich.console import Console

from cli.identity import _identifiers, _restatements
from tests.engine import empty_tables, engine
from tests.integration.identity.test_restatements import n, publish
from tests.market.model import DAY
from tests.market.stitching import land, stitch
from unmogrowp.errors import PermanentError
from unmogrowp.identity.story import find_devices
from unmogrowp.warehouse.client import Warehouse


@pytest.fixture(scope="module")
def warehouse() -> Warehouse:
    opened = engine()
    empty_tables(opened)
    land(opened, 1, [n("v1", idfa="i", user_id="Ada@example.org"), n("v2", DAY, user_id="u")])
    stitch(opened)
    publish(opened, 10, 11)
    land(opened, 2, [n("v2", 2 * DAY, event_name="Application Opened", idfa="i")])
    stitch(opened)
    return opened


@pytest.mark.parametrize("text", ["v1", " V2 ", "u", "ada@example.org"])
def test_a_device_is_found_by_anything_that_is_known_of_it(warehouse: Warehouse, text: str) -> None:
    (device,) = find_devices(warehouse, "app", text)
    assert device.component_key == "v1"
    assert [one.identifier for one in device.members if one.role == "joined"] == ["i", "v1", "v2"]
    (restated,) = device.restatements
    assert (restated.from_component, restated.to_ordinal, restated.joined_by) == (
        "v2", 2, ["idfa"]
    )  # fmt: skip


@pytest.mark.parametrize("text", ["nobody", "", "null", "U"])
def test_what_nobody_has_is_an_error_that_says_so(warehouse: Warehouse, text: str) -> None:
    with pytest.raises(PermanentError, match="no device of app"):
        find_devices(warehouse, "app", text)


def test_it_is_shown_as_tables(warehouse: Warehouse) -> None:
    (device,) = find_devices(warehouse, "app", "v1")
    page = io.StringIO()
    console = Console(width=200, file=page)
    console.print(_identifiers(device))
    console.print(_restatements(device))
    shown = page.getvalue()
    assert "Device v1 of app" in shown
    assert "seen with it" in shown
    assert "merged by idfa" in shown
    assert "ada@" not in shown
