"""The credit marts: SQL against plain Python and the library, edges, and what is refused."""

from datetime import date

import polars as pl
import pytest

from tests.credit import oracle
from tests.credit.market import (
    DAY,
    DAYS,
    HOUR,
    INSTALLED,
    LOOKBACK,
    MIDNIGHT,
    ORDERS,
    RULES,
    Market,
    Purchase,
    build,
    frames,
    load,
    made_up,
    named,
    path_of,
    touch,
)
from tests.engine import empty_tables, engine
from tests.market.build import StillClock
from tests.market.model import Event
from unmogrowp.attribution import bootstrap_paths, credit_touches
from unmogrowp.attribution.credit_build import build_credit_day
from unmogrowp.clock import utc
from unmogrowp.errors import AuditFailed, PartitionConflict
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.content_hash import content_hash

TABLES = ("mart.journey_paths", "mart.touch_credit", "mart.channel_credit")
MARKETS = made_up(60, seed=1)


@pytest.fixture
def warehouse() -> Warehouse:
    found = engine()
    empty_tables(found)
    return found


@pytest.fixture(scope="module")
def built() -> dict[str, pl.DataFrame]:
    """The marts of all markets, built once and read back."""
    warehouse = engine()
    empty_tables(warehouse)
    load(warehouse, MARKETS)
    build(warehouse)
    return {table: warehouse.frame(f"SELECT * FROM {table}") for table in TABLES}


def hashes(warehouse: Warehouse) -> list[str]:
    return [str(content_hash(warehouse, table)) for table in TABLES]


def touch_credit(warehouse: Warehouse, model_id: str) -> list[tuple[str, int, str, float]]:
    return credit_rows(warehouse.frame("SELECT * FROM mart.touch_credit"), model_id)


def credit_rows(frame: pl.DataFrame, model_id: str) -> list[tuple[str, int, str, float]]:
    return (
        frame.filter(pl.col("model_id").cast(pl.String) == model_id)
        .sort("conversion_id", "position")
        .select("conversion_id", "position", pl.col("channel").cast(pl.String), "credit")
        .rows()
    )


def shares_of(market: Market, purchase: Purchase, model: str) -> list[tuple[str, int, str, float]]:
    """Return the rows that a conversion has, worked out from the words of the rule."""
    path = path_of(market, purchase.person, purchase.at)
    if not path:
        return [(purchase.message_id, 0, "organic", 1.0)]
    channels = [named(one.media_source) for one in path]
    if model == "time_decay":
        weights = [0.5 ** ((purchase.at - one.touch_at) / (2 * DAY)) for one in path]
        shares = [weight / sum(weights) for weight in weights]
    else:
        shares = [float(share) for share in oracle.shares(channels, model)]
    return [
        (purchase.message_id, place, channel, share)
        for place, (channel, share) in enumerate(zip(channels, shares, strict=True), start=1)
        if share > 0
    ]


def test_credit_of_touches_is_the_rule_in_sql_in_the_library_and_by_hand(
    built: dict[str, pl.DataFrame],
) -> None:
    by_library = pl.concat(
        credit_touches(
            *frames(market), RULES, lookback_days=5, half_life_days=2, untouched="organic"
        )
        for market in MARKETS
        if market.purchases
    ).filter(pl.col("credit") > 0)
    for model in RULES:
        expected = sorted(
            row for one in MARKETS for sold in one.purchases for row in shares_of(one, sold, model)
        )
        found = credit_rows(built["mart.touch_credit"], f"orders.{model}")
        library = (
            by_library.filter(pl.col("model") == model)
            .sort("conversion_id", "position")
            .select("conversion_id", "position", "channel", "credit")
            .rows()
        )
        for other in (expected, library):
            assert [row[:3] for row in found] == [row[:3] for row in other], model
            assert [row[3] for row in found] == pytest.approx([row[3] for row in other], abs=1e-9)


def test_every_model_shares_out_every_conversion_and_all_value(
    built: dict[str, pl.DataFrame],
) -> None:
    totals = (
        built["mart.channel_credit"]
        .group_by("model_id")
        .agg(pl.col("conversions").sum(), pl.col("value").sum())
    )
    purchases = [one for market in MARKETS for one in market.purchases]
    assert totals.height == len(ORDERS.models)
    for _, conversions, value in totals.rows():
        assert conversions == pytest.approx(len(purchases), abs=1e-9)
        assert value == pytest.approx(sum(one.revenue for one in purchases), rel=1e-9)


def test_paths_of_a_day_are_those_that_converted_and_those_that_did_not(
    built: dict[str, pl.DataFrame],
) -> None:
    expected: dict[tuple[str, date, tuple[str, ...]], list[float]] = {}
    for market in MARKETS:
        for day in DAYS:
            sold = [one for one in market.purchases if utc(one.at).date() == day]
            for one in sold:
                path = path_of(market, one.person, one.at)
                channels = tuple(named(t.media_source) for t in path) or ("organic",)
                counts = expected.setdefault((market.app_id, day, channels), [0, 0.0, 0])
                counts[0] += 1
                counts[1] += one.revenue
            seen: dict[str, int] = {}
            for t in market.touches:
                if utc(t.touch_at).date() == day:
                    seen[t.gaid] = max(seen.get(t.gaid, 0), t.touch_at)
            for gaid in seen.keys() - {f"gaid-{one.person}" for one in sold}:
                path = path_of(market, gaid.removeprefix("gaid-"), seen[gaid])
                channels = tuple(named(t.media_source) for t in path)
                expected.setdefault((market.app_id, day, channels), [0, 0.0, 0])[2] += 1
    found = {
        (row["app_id"], row["day"], tuple(row["path"])): [
            row["conversions"],
            float(row["value"]),
            row["nulls"],
        ]
        for row in built["mart.journey_paths"].rows(named=True)
    }
    assert found.keys() == expected.keys()
    for key, counts in expected.items():
        assert found[key] == pytest.approx(counts), key


def test_algorithmic_credit_is_that_of_the_library_over_the_paths_of_the_day(
    built: dict[str, pl.DataFrame],
) -> None:
    counted = built["mart.journey_paths"].select(
        pl.col("app_id").cast(pl.String),
        "day",
        pl.col("path").cast(pl.List(pl.String)),
        "conversions",
        pl.col("value").cast(pl.Float64),
        "nulls",
    )
    credit = built["mart.channel_credit"].with_columns(
        pl.col("model_id", "app_id", "channel").cast(pl.String)
    )
    columns = ["conversions", "conversions_low", "conversions_high", "value"]
    checked = 0
    for (app_id, day), paths in list(counted.group_by("app_id", "day"))[:30]:
        if not paths["conversions"].sum():
            continue
        expected = bootstrap_paths(paths, ["markov_1", "shapley"], replicates=20).filter(
            pl.col("conversions") > 0
        )
        found = credit.filter(
            pl.col("app_id") == app_id,
            pl.col("day") == day,
            pl.col("model_id").is_in(["orders.markov_1", "orders.shapley"]),
        ).sort("model_id", "channel")
        assert found["channel"].to_list() == expected["channel"].to_list()
        assert found["is_too_few_to_separate"].to_list() == (
            expected["is_too_few_to_separate"].to_list()
        )
        for column in columns:
            assert found[column].to_list() == pytest.approx(expected[column].to_list(), rel=1e-9)
        checked += 1
    assert checked > 10


TRANSFORMS = (
    ("exposure",),
    ("unique",),
    ("first",),
    ("remove_direct_unless_only",),
    ("trim_long_2",),
    ("remove_direct_unless_only", "exposure", "trim_long_3"),
    ("all",),
)


def test_transforms_in_sql_are_those_of_the_library(warehouse: Warehouse) -> None:
    load(warehouse, MARKETS)
    journeys = [
        ORDERS.model_copy(
            update={
                "journey_id": f"orders_{number}",
                "transforms": transforms,
                "models": ("linear",),
                "lookback_steps": 6,
            }
        )
        for number, transforms in enumerate(TRANSFORMS)
    ]
    build(warehouse, journeys, days=DAYS[2:])
    for journey in journeys:
        expected = pl.concat(
            credit_touches(
                touches, conversions.filter(pl.col("converted_at").dt.date() == DAYS[2]),
                ["linear"], lookback_days=5, lookback_steps=6,
                transforms=journey.transforms, untouched="organic",
            )
            for touches, conversions in map(frames, MARKETS)
        ).sort("conversion_id", "position")  # fmt: skip
        found = touch_credit(warehouse, f"{journey.journey_id}.linear")
        assert expected.height > 10
        assert expected.select("conversion_id", "position", "channel").rows() == [
            row[:3] for row in found
        ]
        assert expected["credit"].to_list() == pytest.approx([row[3] for row in found], abs=1e-9)


def test_any_order_of_days_and_rows_and_a_build_again_give_the_same_content(
    warehouse: Warehouse,
) -> None:
    markets, days = MARKETS[:12], DAYS[1:]
    models = {"models": ("time_decay", "markov_1")}
    orders, installed = (one.model_copy(update=models) for one in (ORDERS, INSTALLED))
    load(warehouse, markets)
    build(warehouse, [orders, installed], days)
    before = hashes(warehouse)
    build(warehouse, [installed, orders], days[::-1], watermark=2)
    assert hashes(warehouse) == before
    empty_tables(warehouse)
    turned = [Market(one.app_id, one.touches[::-1], one.purchases[::-1]) for one in markets[::-1]]
    load(warehouse, turned[:6])
    build(warehouse, [orders], days)
    load(warehouse, turned[6:])
    build(warehouse, [orders, installed], days, watermark=2)
    assert hashes(warehouse) == before


def test_many_buckets_give_what_one_gives(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(warehouse, MARKETS)
    build(warehouse, days=DAYS[2:])
    before = hashes(warehouse)
    monkeypatch.setattr("unmogrowp.attribution.credit_build.TOUCHES_PER_BUCKET", 100)
    build(warehouse, days=DAYS[2:], watermark=2)
    assert hashes(warehouse) == before


DEVICES = INSTALLED.model_copy(update={"models": ("linear",)})
# Edges need no intervals and not every model.
SMALL = ORDERS.model_copy(update={"models": ("first", "last", "linear", "shapley")})


def one_purchase(*touches: tuple[str, str, int], revenue: float = 10.0) -> Market:
    return Market(
        "app",
        tuple(
            touch("app", n, person, channel, when)
            for n, (person, channel, when) in enumerate(touches)
        ),
        (Purchase("app", "m", "p", MIDNIGHT + HOUR, revenue),),
    )


def test_both_ends_of_the_lookback_are_in_to_the_millisecond(warehouse: Warehouse) -> None:
    ages = {"at": 0, "edge": LOOKBACK, "older": LOOKBACK + 1, "after": -1}
    sold_at = MIDNIGHT + HOUR
    markets = [
        Market(
            name,
            (touch(name, 1, name, "ads", sold_at - age),),
            (Purchase(name, name, name, sold_at, 1.0),),
        )
        for name, age in ages.items()
    ]
    load(warehouse, markets)
    build(warehouse, [SMALL], days=DAYS[2:])
    assert {row[0]: row[2] for row in touch_credit(warehouse, "orders.last")} == {
        "at": "ads",
        "edge": "ads",
        "older": "organic",
        "after": "organic",
    }


def test_an_app_never_gets_touches_of_another(warehouse: Warehouse) -> None:
    elsewhere = touch("other", 1, "p", "ads", MIDNIGHT)
    load(warehouse, [one_purchase(), Market("other", (elsewhere,))])
    build(warehouse, [SMALL], days=DAYS[2:])
    assert touch_credit(warehouse, "orders.last") == [("m", 0, "organic", 1.0)]


def test_blank_and_all_zero_ids_match_nothing(warehouse: Warehouse) -> None:
    market = Market(
        "app",
        (
            touch("app", 1, "p", "ads", MIDNIGHT).__class__(
                app_id="app", touch_id="z", media_source="ads", touch_at=MIDNIGHT,
                gaid="00000000-0000-0000-0000-000000000000", click_id="0",
            ),
        ),
        extra_events=(
            Event(
                message_id="i", occurred_at=MIDNIGHT + HOUR,
                gaid="00000000-0000-0000-0000-000000000000",
            ),
        ),
    )  # fmt: skip
    load(warehouse, [market])
    build(warehouse, [DEVICES], days=DAYS[2:])
    channels = {row[2] for row in touch_credit(warehouse, "installed.linear")}
    assert channels == {"organic"}


def test_an_install_is_credited_through_any_id_it_shares(warehouse: Warehouse) -> None:
    ids = {"idfa": "a-1", "idfv": "v-1", "gaid": "g-1", "android_id": "n-1", "user_id": "u-1"}
    base = touch("app", 0, "p", "ads", MIDNIGHT)
    touches = tuple(
        type(base)(
            app_id="app", touch_id=f"t{n}", media_source=name, touch_at=MIDNIGHT + n,
            **{name: value},
        )
        for n, (name, value) in enumerate({**ids, "click_id": "Click-1"}.items())
    )  # fmt: skip
    event = Event(
        message_id="i", occurred_at=MIDNIGHT + HOUR, properties={"click_id": "Click-1"}, **ids
    )
    load(warehouse, [Market("app", touches, extra_events=(event,))])
    build(warehouse, [DEVICES], days=DAYS[2:])
    linear = touch_credit(warehouse, "installed.linear")
    assert [row[2] for row in linear] == [*ids, "click_id"]


def test_a_copy_of_a_touch_is_one_touch(warehouse: Warehouse) -> None:
    market = one_purchase(("p", "ads", MIDNIGHT), ("p", "mail", MIDNIGHT - HOUR))
    load(warehouse, [market, Market("app", market.touches)])
    build(warehouse, [SMALL], days=DAYS[2:])
    assert touch_credit(warehouse, "orders.linear") == [
        ("m", 1, "mail", 0.5),
        ("m", 2, "ads", 0.5),
    ]


def test_refunds_and_other_currencies_are_no_conversions(warehouse: Warehouse) -> None:
    load(warehouse, [one_purchase(("p", "ads", MIDNIGHT), revenue=-10.0)])
    build(warehouse, [SMALL], days=DAYS[2:])
    assert touch_credit(warehouse, "orders.last") == []
    dollars = SMALL.model_copy(
        update={"conversion": SMALL.conversion.model_copy(update={"currency": "USD"})}
    )
    empty_tables(warehouse)
    load(warehouse, [one_purchase(("p", "ads", MIDNIGHT))])
    build(warehouse, [dollars], days=DAYS[2:])
    assert touch_credit(warehouse, "orders.last") == []


def test_a_day_without_conversions_left_has_no_credit_left(warehouse: Warehouse) -> None:
    load(warehouse, [one_purchase(("p", "ads", MIDNIGHT))])
    build(warehouse, [SMALL], days=DAYS[2:])
    assert touch_credit(warehouse, "orders.last")
    warehouse.execute("TRUNCATE TABLE clean.events")
    build(warehouse, [SMALL], days=DAYS[2:], watermark=2)
    assert touch_credit(warehouse, "orders.last") == []
    assert warehouse.rows("SELECT path, conversions, nulls FROM mart.journey_paths") == [
        (["ads"], 0, 1)
    ]


def test_an_older_build_is_refused_and_a_definition_leaves_others_alone(
    warehouse: Warehouse,
) -> None:
    load(warehouse, [one_purchase(("p", "ads", MIDNIGHT))])
    build(warehouse, [SMALL], days=DAYS[2:], watermark=5)
    with pytest.raises(PartitionConflict):
        build_credit_day(warehouse, SMALL, DAYS[2], 4, StillClock())
    before = hashes(warehouse)
    other = SMALL.model_copy(update={"journey_id": "other", "lookback_ms": HOUR})
    build_credit_day(warehouse, other, DAYS[2], 6, StillClock())
    build_credit_day(warehouse, other, DAYS[1], 6, StillClock())
    assert touch_credit(warehouse, "orders.last") == [("m", 1, "ads", 1.0)]
    for table, was in zip(TABLES, before, strict=True):
        column = "journey_id" if table == "mart.journey_paths" else "model_id"
        assert str(content_hash(warehouse, table, f"startsWith({column}, 'orders')")) == was


@pytest.mark.parametrize(
    ("table", "spoil", "says"),
    [
        (
            "mart.touch_credit",
            "ALTER TABLE {} UPDATE credit = credit * 1.000001 WHERE 1",
            "credit_sums_to_one_per_conversion",
        ),
        (
            "mart.touch_credit",
            "ALTER TABLE {} DELETE WHERE model_id = 'orders.first'",
            "every_model_credits_every_conversion",
        ),
    ],
)
def test_credit_that_does_not_add_up_is_never_published(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, table: str, spoil: str, says: str
) -> None:
    from unmogrowp.attribution import credit_build

    load(warehouse, [one_purchase(("p", "ads", MIDNIGHT), ("p", "mail", MIDNIGHT - HOUR))])
    build(warehouse, [SMALL], days=DAYS[2:])
    before = hashes(warehouse)
    honest = credit_build._stage

    def spoiled(*arguments: object) -> None:
        honest(*arguments)  # type: ignore[arg-type]
        staging = arguments[-1][table]  # type: ignore[index]
        warehouse.execute(spoil.format(staging), settings={"mutations_sync": 1})

    monkeypatch.setattr(credit_build, "_stage", spoiled)
    with pytest.raises(AuditFailed, match=says):
        build(warehouse, [SMALL], days=DAYS[2:], watermark=2)
    assert hashes(warehouse) == before


def test_totals_that_differ_between_models_are_never_published(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unmogrowp.attribution import credit_build

    load(warehouse, [one_purchase(("p", "ads", MIDNIGHT))])
    honest = credit_build.algorithmic_credit

    def more(*arguments: object) -> object:
        rows = honest(*arguments)  # type: ignore[arg-type]
        place = rows.schema.get_field_index("conversions")
        import pyarrow.compute as pc

        return rows.set_column(place, "conversions", pc.multiply(rows["conversions"], 1.00001))

    monkeypatch.setattr(credit_build, "algorithmic_credit", more)
    with pytest.raises(AuditFailed, match="conversions_are_equal_in_every_model"):
        build(warehouse, [SMALL], days=DAYS[2:])
    assert hashes(warehouse) == ["0:0000000000000000"] * 3
