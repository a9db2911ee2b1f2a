"""Counts, baselines and verdicts of publishers in the engine, against brute force over plain rows.

Markets are made of publishers with a character; many are built in one go, as apps of their own.
"""

import random
from collections.abc import Iterable
from datetime import timedelta

import pyarrow as pa
import pytest

from tests.engine import empty_tables, engine
from tests.integration.fraud import oracle
from tests.integration.fraud.rows import (
    DAY,
    START,
    Decided,
    StillClock,
    day,
    insert,
    insert_decided,
    insert_traffic,
)
from tests.market.model import Event, Touch
from unmogrowp.fraud.baselines import (
    BASELINES,
    BaselineNotReady,
    freeze_baseline,
    is_frozen,
    load_baselines,
)
from unmogrowp.fraud.build import PUBLISHER_DAYS, VERDICTS, count_publishers, judge_day
from unmogrowp.rulesets import OURS
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.content_hash import content_hash

HOUR = 3_600_000
JUDGED = 30  # the day that is judged; everything happens on the days before and on it
# Days on which things happen: the edges of baseline and sample among them. The others stay empty.
ACTIVE = (0, 1, 2, 3, 12, 22, 23, 24, 27, 28, 29, JUDGED)
BUILT = sorted({later for number in ACTIVE for later in (number, number + 2)} - {31, 32})
CLOCK = StillClock()
Market = tuple[list[Decided], list[Touch], list[Event]]


def honest(rng: random.Random) -> int:
    return int(min(7 * DAY, rng.lognormvariate(6.5, 1.0) * 1000))


def flooding(rng: random.Random) -> int:
    return rng.randrange(2 * HOUR, 7 * DAY)


def market(app_id: str, rng: random.Random, *, is_typical: bool) -> Market:
    """Return up to nine publishers over the days that one verdict rests on.

    A typical market has a flood, a farm, a flood that wins nothing, and six honest publishers.
    """
    decided: list[Decided] = []
    touches: list[Touch] = []
    events: list[Event] = []
    devices = [f"{app_id}-d{n}" for n in range(40)]
    for number in range(9 if is_typical else rng.choice([1, 2, 5, 8, 9])):
        source, site = rng.choice(["net", "other"]), f"s{number}"
        is_flood, is_farm = rng.random() < 0.2, rng.random() < 0.2
        per_day = rng.choice([0, 3, 15, 30])
        if is_typical:
            is_flood, is_farm, per_day = number in (0, 2), number == 1, 0 if number == 2 else 20
        for offset in ACTIVE:
            if rng.random() < 0.2:
                continue
            start = START + offset * DAY
            for n in range(per_day):
                installed_at = start + rng.randrange(DAY)
                install_id = f"{app_id}-{number}-{offset}-{n}"
                returning = rng.random() < (0.0 if is_farm else 0.4)
                device = rng.choice(devices) if rng.random() < 0.5 and not is_farm else install_id
                decided.append(
                    Decided(
                        app_id=app_id,
                        install_id=install_id,
                        installed_at=installed_at,
                        device_id=device if rng.random() < 0.9 else "",
                        media_source=source if rng.random() < 0.95 else "organic",
                        site_id=site,
                        touch_type=rng.choice(["click", "click", "click", "impression"]),
                        ctit_ms=rng.choice([0, 1, None])
                        if rng.random() < 0.02
                        else (flooding if is_flood else honest)(rng),
                        conversion_kind="re_engagement" if rng.random() < 0.02 else "install",
                        ip_prefix=f"203.0.{rng.randrange(12)}.0/24",
                    )
                )
                if returning:
                    events.append(
                        Event(
                            app_id=app_id,
                            message_id=f"e-{install_id}",
                            event_name="Application Opened",
                            device_key=decided[-1].device_key,
                            occurred_at=installed_at + rng.choice([24, 24, 30, 47, 48]) * HOUR,
                        )
                    )
            for n in range(rng.randrange(3) * (400 if is_flood else 5)):
                touches.append(
                    Touch(
                        app_id=app_id,
                        touch_id=f"{app_id}-{number}-{offset}-t{n}",
                        media_source=source,
                        site_id=site,
                        touch_type="click" if n % 4 else "impression",
                        touch_at=start + rng.randrange(DAY),
                    )
                )
    return decided, touches, events


def markets(count: int, seed: int) -> Market:
    decided: list[Decided] = []
    touches: list[Touch] = []
    events: list[Event] = []
    for number in range(count):
        rng = random.Random(f"{seed}-{number}")
        made = market(f"a{number}", rng, is_typical=number < 2)
        for into, rows in zip((decided, touches, events), made, strict=True):
            into.extend(rows)
    return decided, touches, events


def load(rows: Market) -> Warehouse:
    warehouse = engine()
    empty_tables(warehouse)
    insert_decided(warehouse, rows[0])
    insert_traffic(warehouse, rows[1], rows[2])
    return warehouse


def build(warehouse: Warehouse, numbers: Iterable[int]) -> None:
    for number in numbers:
        count_publishers(warehouse, OURS, day(number), 1, CLOCK)


@pytest.fixture(scope="module")
def judged() -> tuple[Market, Warehouse]:
    rows = markets(10, seed=5)
    warehouse = load(rows)
    build(warehouse, BUILT)
    freeze_baseline(warehouse, OURS, day(JUDGED), 1, CLOCK)
    judge_day(warehouse, OURS, day(JUDGED), 1, CLOCK)
    return rows, warehouse


def test_every_publisher_day_is_counted_like_by_hand(judged):
    rows, warehouse = judged
    columns = (
        "install_count", "ctit_count", "click_count", "impression_count", "new_device_count",
        "cohort_count", "returned_count",
    )  # fmt: skip
    actual = {}
    for row in warehouse.records("SELECT * FROM mart.fraud_publisher_days"):
        key = (row["day"], row["app_id"], row["media_source"], row["site_id"])
        actual[key] = {name: row[name] for name in columns} | {"bins": dict(row["ctit_bins"])}
    expected = {}
    for number in range(JUDGED + 1):
        for key, row in oracle.counts_of_day(number, *rows).items():
            bins: dict[int, int] = {}
            for ctit in row["ctits"]:
                bins[oracle.bin_of(ctit)] = bins.get(oracle.bin_of(ctit), 0) + 1
            expected[(day(number), *key)] = {
                **{name: row[name] for name in columns if name in row},
                "ctit_count": len(row["ctits"]),
                "bins": bins,
            }
    assert actual == expected


def test_verdicts_about_publishers_are_those_of_brute_force(judged):
    rows, warehouse = judged
    days = [oracle.counts_of_day(number, *rows) for number in range(JUDGED + 1)]
    frozen = oracle.summed(days[JUDGED - 28 : JUDGED])
    samples = oracle.summed(days[JUDGED - 6 :])
    expected = {
        (app_id, *verdict)
        for app_id in {key[0] for key in samples}
        for verdict in oracle.publisher_verdicts(app_id, samples, frozen)
    }
    actual = {
        (app_id, rule, source, site, round(value, 4))
        for app_id, rule, source, site, value in warehouse.rows(
            "SELECT app_id, rule, media_source, site_id, value FROM mart.fraud_verdicts"
            " WHERE scope = 'publisher'"
        )
    }
    assert actual == expected
    assert {rule for _, rule, *_ in actual} >= {
        "click_flood.flat_ctit", "click_flood.cti", "mtti_outlier", "retention_zero",
    }  # fmt: skip


def test_verdicts_say_what_they_rest_on(judged):
    _, warehouse = judged
    baselines = load_baselines(warehouse, "ours", day(JUDGED))
    for row in warehouse.records("SELECT * FROM mart.fraud_verdicts WHERE scope = 'publisher'"):
        assert row["baseline_id"] == baselines[row["app_id"]].baseline_id
        assert row["config_hash"] == OURS.config_hash
        assert row["sentence"].endswith(".")
        assert row["sample_count"] > 0


def test_the_baseline_knows_how_many_installs_a_network_has_on_its_busiest_day(judged):
    rows, warehouse = judged
    for app_id, baseline in load_baselines(warehouse, "ours", day(JUDGED)).items():
        per_day: dict[tuple[str, int], int] = {}
        for one in rows[0]:
            number = oracle.day_number(one.installed_at)
            if one.app_id == app_id and JUDGED - 28 <= number < JUDGED:
                key = (one.ip_prefix, number)
                per_day[key] = per_day.get(key, 0) + 1
        busiest: dict[str, int] = {}
        for (network, _), count in per_day.items():
            busiest[network] = max(busiest.get(network, 0), count)
        if busiest:
            ordered = sorted(busiest.values())
            rank = -(-999 * len(ordered) // 1000)
            assert dict(baseline.network_quantiles) == {0.999: ordered[rank - 1]}


def test_a_farm_that_works_every_day_does_not_set_the_limit_it_is_measured_by():
    def installs(number: int, network: str, count: int) -> list[Decided]:
        return [
            Decided(
                install_id=f"{number}-{network}-{n}", installed_at=START + number * DAY + n,
                ip_prefix=network,
            )
            for n in range(count)
        ]  # fmt: skip

    before = range(JUDGED - 10, JUDGED)
    farm = [one for number in (*before, JUDGED) for one in installs(number, "192.0.2.0/24", 30)]
    people = [
        one
        for n in range(1_500)
        for one in installs(JUDGED - 1 - n % 10, f"10.{n // 250}.{n % 250}.0/24", 1)
    ]
    warehouse = load(([*farm, *people], [], []))
    build(warehouse, [*before, JUDGED])
    freeze_baseline(warehouse, OURS, day(JUDGED), 1, CLOCK)
    judge_day(warehouse, OURS, day(JUDGED), 1, CLOCK)
    assert warehouse.rows(
        "SELECT rule, count(), any(value), any(threshold) FROM mart.fraud_verdicts"
        " WHERE scope = 'install' GROUP BY rule"
    ) == [("ip_density", 30, 30.0, 20.0)]


def state(warehouse: Warehouse) -> list[str]:
    return [str(content_hash(warehouse, table)) for table in (PUBLISHER_DAYS, VERDICTS)] + [
        str(warehouse.rows("SELECT app_id, baseline_id FROM audit.fraud_baselines ORDER BY ALL"))
    ]


def test_days_can_be_built_in_any_order_and_twice():
    rows = markets(2, seed=9)
    states = []
    orders = [list(BUILT), list(reversed(BUILT))]
    rng = random.Random(3)
    orders.append([*rng.sample(BUILT, len(BUILT)), 8, JUDGED])
    for order in orders:
        for table in (rows[0], rows[1], rows[2]):
            rng.shuffle(table)
        warehouse = load(rows)
        build(warehouse, order)
        for number in sorted({JUDGED - 1, JUDGED}, reverse=order == orders[1]):
            freeze_baseline(warehouse, OURS, day(number), 1, CLOCK)
            judge_day(warehouse, OURS, day(number), 1, CLOCK)
        judge_day(warehouse, OURS, day(JUDGED), 1, CLOCK)
        states.append(state(warehouse))
    assert states[0] == states[1] == states[2]


def test_a_baseline_once_frozen_stays_whatever_arrives_later():
    rows = markets(2, seed=1)
    warehouse = load(rows)
    build(warehouse, BUILT)
    assert not is_frozen(warehouse, "ours", day(JUDGED))
    assert freeze_baseline(warehouse, OURS, day(JUDGED), 1, CLOCK) is not None
    assert is_frozen(warehouse, "ours", day(JUDGED))
    before = content_hash(warehouse, BASELINES)
    insert_decided(
        warehouse, [Decided(app_id="a0", install_id="late", installed_at=START + 22 * DAY)]
    )
    build(warehouse, [22])
    assert freeze_baseline(warehouse, OURS, day(JUDGED), 2, CLOCK) is None
    assert content_hash(warehouse, BASELINES) == before


def one_install(number: int) -> Market:
    return [Decided(install_id="i", installed_at=START + number * DAY)], [], []


def test_a_baseline_waits_for_days_that_are_not_counted():
    warehouse = load(one_install(5))
    with pytest.raises(BaselineNotReady, match=f"{day(5)} is not counted"):
        freeze_baseline(warehouse, OURS, day(6), 1, CLOCK)
    build(warehouse, [5])
    assert freeze_baseline(warehouse, OURS, day(6), 1, CLOCK) is not None


def test_a_baseline_waits_for_days_that_are_due():
    warehouse = load(one_install(5))
    build(warehouse, [5])
    insert(
        warehouse,
        "audit.touched_days",
        [
            ("mart", pa.string(), ["attribution"]),
            ("day", pa.date32(), [day(5)]),
            ("state", pa.string(), ["touched"]),
            ("watermark", pa.uint64(), [7]),
        ],
    )
    with pytest.raises(BaselineNotReady, match=f"{day(5)} is due"):
        freeze_baseline(warehouse, OURS, day(6), 1, CLOCK)
    # Outside of the 28 days it does not matter.
    assert freeze_baseline(warehouse, OURS, day(5), 1, CLOCK) is not None
    assert freeze_baseline(warehouse, OURS, day(5) + timedelta(days=29), 1, CLOCK) is not None


def test_a_baseline_waits_for_the_day_before_to_be_over():
    class Noon:
        def now_ms(self) -> int:
            return START + 4 * DAY + 12 * HOUR

    warehouse = load(one_install(1))
    build(warehouse, [1])
    with pytest.raises(BaselineNotReady, match=f"{day(4)} is not over"):
        freeze_baseline(warehouse, OURS, day(5), 1, Noon())
    assert freeze_baseline(warehouse, OURS, day(4), 1, Noon()) is not None


def test_without_a_baseline_only_rules_that_need_none_speak():
    installed = [
        Decided(install_id=f"i{n}", installed_at=START + JUDGED * DAY + n, ip_prefix="192.0.2.0/24")
        for n in range(60)
    ]
    burst = [
        Event(
            app_id="app", message_id=f"m{n}", event_name="Level", device_key="message:i0",
            occurred_at=START + JUDGED * DAY + 1000 + n,
        )
        for n in range(61)
    ]  # fmt: skip
    warehouse = load((installed, [], burst))
    build(warehouse, [JUDGED])
    judge_day(warehouse, OURS, day(JUDGED), 1, CLOCK)
    assert warehouse.rows("SELECT rule, install_id, value FROM mart.fraud_verdicts") == [
        ("event_velocity", "i0", 61.0)
    ]
    freeze_baseline(warehouse, OURS, day(JUDGED), 1, CLOCK)
    judge_day(warehouse, OURS, day(JUDGED), 1, CLOCK)
    # An app without a past has no quantile to be above.
    assert warehouse.scalar("SELECT count() FROM mart.fraud_verdicts") == 1


def test_a_goal_reached_four_times_in_a_second_is_named_and_a_start_of_an_app_is_not():
    installed_at = START + JUDGED * DAY
    names = ["Application Installed", "Application Opened", "Screen", "Deep Link Opened", "Buy"]
    events = [
        *(
            Event(
                app_id="app", message_id=f"fast{n}", event_name="Level", device_key="message:fast",
                occurred_at=installed_at + 5000 + 249 * n,
            )
            for n in range(4)
        ),
        *(
            Event(
                app_id="app", message_id=f"brisk{n}", event_name="Level",
                device_key="message:brisk", occurred_at=installed_at + 5000 + 334 * n,
            )
            for n in range(4)
        ),
        *(
            Event(
                app_id="app", message_id=f"start{n}", event_name=name, device_key="message:start",
                occurred_at=installed_at + n,
            )
            for n, name in enumerate(names)
        ),
        *(
            Event(
                app_id="app", message_id=f"who{n}", event_name="",
                device_key="message:start", occurred_at=installed_at + n,
            )
            for n in range(4)
        ),
    ]  # fmt: skip
    installed = [
        Decided(install_id=one, installed_at=installed_at) for one in ("fast", "brisk", "start")
    ]
    warehouse = load((installed, [], events))
    judge_day(warehouse, OURS, day(JUDGED), 1, CLOCK)
    assert warehouse.rows("SELECT rule, install_id, parameter, value FROM mart.fraud_verdicts") == [
        ("event_velocity", "fast", "max_same_per_second", 4.0)
    ]


def test_a_dense_network_and_a_short_time_are_named_by_install_against_their_app():
    usual = [
        Decided(
            install_id=f"u{n}", installed_at=START + (JUDGED - 2) * DAY + n, ctit_ms=60_000,
            site_id=f"s{n % 2}", ip_prefix=f"198.51.{n % 200}.0/24",
        )
        for n in range(400)
    ]  # fmt: skip
    dense = [
        Decided(
            install_id=f"d{n}", installed_at=START + JUDGED * DAY + n,
            ctit_ms=12_000 if n == 0 else 60_000, ip_prefix="192.0.2.0/24",
        )
        for n in range(21)
    ]  # fmt: skip
    warehouse = load(([*usual, *dense], [], []))
    build(warehouse, range(JUDGED - 2, JUDGED + 1))
    freeze_baseline(warehouse, OURS, day(JUDGED), 1, CLOCK)
    judge_day(warehouse, OURS, day(JUDGED), 1, CLOCK)
    found = warehouse.rows(
        "SELECT rule, count(), any(value), any(threshold) FROM mart.fraud_verdicts"
        " WHERE scope = 'install' GROUP BY rule ORDER BY rule"
    )
    assert found[0][:3] == ("click_injection.ctit_short", 1, 12_000.0)
    assert 50_000 < found[0][3] <= 60_000
    assert found[1] == ("ip_density", 21, 21.0, 20.0)


def test_events_under_any_device_key_of_a_component_are_those_of_its_install():
    installed_at = START + JUDGED * DAY
    joined = Decided(install_id="i", installed_at=installed_at, device_id="key-1")
    events = [
        Event(
            app_id="app", message_id="back", event_name="Application Opened", device_key="key-2",
            occurred_at=installed_at + 30 * HOUR,
        ),
        *(
            Event(
                app_id="app", message_id=f"m{n}", event_name="Level",
                device_key=f"key-{1 + n % 2}", occurred_at=installed_at + n,
            )
            for n in range(61)
        ),
    ]  # fmt: skip
    warehouse = load(([joined], [], events))
    insert(
        warehouse,
        "clean.identities",
        [
            ("app_id", pa.string(), ["app"]),
            ("identifier", pa.string(), ["key-1"]),
            ("component_key", pa.string(), ["key-1"]),
            ("kind", pa.string(), ["device_id"]),
            ("role", pa.string(), ["joined"]),
            ("device_keys", pa.list_(pa.string()), [["key-1", "key-2"]]),
        ],
    )
    build(warehouse, [JUDGED, JUDGED + 2])
    judge_day(warehouse, OURS, day(JUDGED), 1, CLOCK)
    assert warehouse.rows(
        "SELECT cohort_count, returned_count FROM mart.fraud_publisher_days WHERE cohort_count > 0"
    ) == [(1, 1)]
    assert warehouse.rows("SELECT rule, value FROM mart.fraud_verdicts") == [
        ("event_velocity", 61.0)
    ]
