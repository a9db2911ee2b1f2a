"""What a market may add to its networks: pay per install, and ads for people who come back."""

import polars as pl

from unmogrowp.simulator.generate import Played, play
from unmogrowp.simulator.market import Market
from unmogrowp.simulator.shapes import MATURE_APP
from unmogrowp.simulator.truth import (
    delivered_sessions,
    install_messages,
    install_truth,
    touch_truth,
)
from unmogrowp.simulator.wire_touches import touch_fields

START = 1_772_323_200_000
DAY = 86_400_000


def market(**changes: float) -> Market:
    """Return the mature app with many reinstalls, and its first network changed."""
    first, *others = MATURE_APP.networks
    behaviour = MATURE_APP.behaviour.model_copy(update={"reinstall_share": 0.5})
    changed = first.model_copy(update=changes)
    return MATURE_APP.model_copy(update={"networks": (changed, *others), "behaviour": behaviour})


def played(**changes: float) -> Played:
    return play(market(**changes), users=1_500, days=20, start_ms=START, seed=4)


def truth_of(month: Played) -> tuple[pl.DataFrame, pl.DataFrame]:
    messages = install_messages(month)
    touches = touch_truth(month, messages)
    return touches, install_truth(month, touches, messages, delivered_sessions(month))


def test_a_network_that_is_paid_per_install_charges_nothing_for_clicks_and_views() -> None:
    month = played(cost_per_install=1.5)
    numbers = pl.Series(range(month.touches.height))
    fields = touch_fields(month.market, month.touches, month.devices, numbers)
    by_install = pl.col("media_source") == "northstar_ads"
    assert set(fields.filter(by_install)["cost_model"]) == {"cpi"}
    assert set(fields.filter(by_install)["cost_value"]) == {"1.5"}
    assert set(fields.filter(~by_install)["cost_model"]) == {"cpc", "cpm"}


def test_who_is_about_to_come_back_is_shown_a_retargeting_click_that_caused_nothing() -> None:
    month, without = played(reminder_share=0.6), played(reminder_share=0.0)
    (touches, installs), (before, installs_before) = truth_of(month), truth_of(without)
    reminders = touches.tail(touches.height - before.height)
    again = installs.filter(pl.col("kind") == "reinstall")
    assert reminders["is_retargeting"].all()
    assert (reminders["touch_type"] == "click").all()
    assert (reminders["install_message_id"] == "").all()
    joined = reminders.join(again, on="device_id")
    # Some devices come back twice; each reminder is of one of these times.
    ages = joined.with_columns(age=pl.col("installed_at") - pl.col("touch_at"))
    closest = (
        ages.filter(pl.col("age") > 0).group_by("touch_at", "device_id").agg(pl.col("age").min())
    )
    assert closest.height == reminders.height
    assert closest["age"].max() < 2 * DAY
    assert 0.3 * again.height < reminders.height < 0.6 * again.height
    assert again["cause"].unique().to_list() == ["organic"]
    assert installs_before.equals(installs)
