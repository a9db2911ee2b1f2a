"""Components by shape: what a few phones did, and which identifiers are one device then."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.engine import empty_tables, engine
from tests.market.model import DAY, Event, at
from tests.market.stitching import components, expected, land, rows, stitch
from unmogrowp.warehouse.client import Warehouse

T = at("2026-03-10T12:00:00")
ZERO = "00000000-0000-0000-0000-000000000000"


def phone(device: str, offset: int = 0, **fields: Any) -> Event:
    """An event of an iPhone with this vendor id, or of whatever `fields` say."""
    given = {"device_key": device, "device_id": device, "idfv": device, "platform": "ios", **fields}
    return Event(message_id=f"{device}/{offset}", occurred_at=T + offset, **given)


def browser(anonymous_id: str, offset: int = 0, **fields: Any) -> Event:
    return Event(
        message_id=f"{anonymous_id}/{offset}",
        occurred_at=T + offset,
        device_key=anonymous_id,
        anonymous_id=anonymous_id,
        platform="web",
        event_name="page",
        **fields,
    )


@dataclass(frozen=True)
class Shape:
    """`parts`: identifiers that are one component, its name first."""

    name: str
    events: list[Event]
    parts: list[list[str]]
    limit: int = 200


SHAPES = [
    Shape("one phone", [phone("v1", idfa="i1", anonymous_id="a1")], [["v1", "i1", "a1"]]),
    Shape("two devices, one user: two components",
          [phone("v1", user_id="u"), phone("v2", 1, user_id="u")], [["v1"], ["v2"]]),
    Shape("one device, two users: one component",
          [phone("v1", user_id="u"), phone("v1", 1, user_id="w")], [["v1"]]),
    Shape("a family of two devices and two users never joins",
          [phone("v1", user_id="u"), phone("v1", 1, user_id="w"), phone("v2", 2, user_id="u"),
           phone("v2", 3, user_id="w")], [["v1"], ["v2"]]),
    Shape("one e-mail on two devices joins nothing",
          [phone("v1", context={"traits": {"email": "a@b.de"}}),
           phone("v2", 1, context={"traits": {"email": "A@b.de "}})], [["v1"], ["v2"]]),
    Shape("advertising id reset: the vendor id holds both together",
          [phone("v1", idfa="i1"), phone("v1", 1, idfa="i2")], [["v1", "i1", "i2"]]),
    Shape("reinstall with another vendor id and the same advertising id",
          [phone("v1", idfa="i1"), phone("v0", DAY, idfa="i1")], [["v1", "i1", "v0"]]),
    Shape("reinstall with another vendor id and the same anonymous id",
          [phone("v1", anonymous_id="a"), phone("v0", DAY, anonymous_id="a")], [["v1", "a", "v0"]]),
    Shape("reinstall without anything in common stays two devices",
          [phone("v1", anonymous_id="a"), phone("v2", DAY, anonymous_id="b")],
          [["v1", "a"], ["v2", "b"]]),
    Shape("the component is named by what was received first, not by what happened first",
          [phone("v2", -9 * DAY, idfa="i", received_at=T + 5),
           phone("v1", idfa="i", received_at=T)],
          [["v1", "v2", "i"]]),
    Shape("consent comes later: the advertising id is the phone's",
          [phone("v1"), phone("v1", DAY, idfa="i1")], [["v1", "i1"]]),
    Shape("a web visitor who opens the app under the same anonymous id",
          [browser("a"), phone("v1", 1, anonymous_id="a")], [["a", "v1"]]),
    Shape("a chain: every reinstall shares one id with the one before",
          [phone("v1", 0, idfa="i1"), phone("v2", 1, idfa="i1", anonymous_id="a2"),
           phone("v3", 2, anonymous_id="a2"), phone("v4", 3, anonymous_id="a4")],
          [["v1", "i1", "v2", "a2", "v3"], ["v4", "a4"]]),
    Shape("blank anonymous ids join nothing",
          [phone(f"v{n}", n, anonymous_id=text)
           for n, text in enumerate(["null", "Undefined", "0", ZERO, "  ", "unknown"])],
          [[f"v{n}"] for n in range(6)]),
    Shape("an anonymous id that is the user id joins nothing",
          [phone("v1", anonymous_id="u", user_id="u"),
           phone("v2", 1, anonymous_id="u", user_id="u")],
          [["v1"], ["v2"]]),
    Shape("an address as anonymous id joins nothing",
          [phone("v1", anonymous_id="a@b.de"), phone("v2", 1, anonymous_id="a@b.de")],
          [["v1"], ["v2"]]),
    Shape("ids that limit tracking are empty and join nothing",
          [phone("v1", idfa=""), phone("v2", 1, idfa="")], [["v1"], ["v2"]]),
    Shape("OAID joins, unless tracking is refused",
          [phone("d1", idfv="", context={"device": {"oaid": "O-1"}}),
           phone("d2", 1, idfv="", context={"device": {"oaid": "o-1 "}}),
           phone("d3", 2, idfv="",
                 context={"device": {"oaid": "o-1", "adTrackingEnabled": False}})],
          [["d1", "o-1", "d2"], ["d3"]]),
    Shape("zero OAIDs join nothing",
          [phone("d1", context={"device": {"oaid": ZERO}}),
           phone("d2", 1, context={"device": {"oaid": ZERO}})], [["d1"], ["d2"]]),
    Shape("own install id joins", [phone("d1", context={"device": {"installId": "in-1"}}),
                                   phone("d2", 1, context={"device": {"install_id": "IN-1"}})],
          [["d1", "in-1", "d2"]]),
    Shape("Amazon id joins",
          [phone("d1", context={"device": {"amazon_aid": ZERO[:-1] + "1"}}),
           phone("d2", 1, context={"device": {"amazonAdvertisingId": ZERO[:-1] + "1"}})],
          [["d1", ZERO[:-1] + "1", "d2"]]),
    Shape("events without any device link nothing",
          [Event(message_id="m", occurred_at=T, device_key="message:m", user_id="u",
                 platform="server")], []),
    Shape("a component of exactly the limit stays",
          [phone("v", n, anonymous_id=f"a{n}") for n in range(3)], [["v", "a0", "a1", "a2"]], 4),
    Shape("a phone of the test lab: one more, and the shared id connects nothing",
          [phone("v", n, anonymous_id=f"a{n}") for n in range(4)],
          [["v"], ["a0"], ["a1"], ["a2"], ["a3"]], 4),
    Shape("one advertising id on many phones: each stays its own",
          [phone(f"v{n}", n, idfa="i", anonymous_id=f"a{n}") for n in range(5)],
          [["i"], *([f"v{n}", f"a{n}"] for n in range(5))], 4),
    Shape("too large without a hub: cut where it is shared most",
          [phone("v1", 0, idfa="i", anonymous_id="a1"), phone("v2", 1, idfa="i", anonymous_id="a2"),
           phone("v3", 2, idfa="i", anonymous_id="a3")],
          [["v1", "a1"], ["v2", "a2"], ["v3", "a3"], ["i"]], 4),
]  # fmt: skip


@pytest.fixture(scope="module", params=[False, True], ids=["in one build", "in three builds"])
def built(request: pytest.FixtureRequest) -> dict[int, Warehouse]:
    """Stitch all shapes of a limit, each as an app of its own; limits run one after the other."""
    found = {}
    for limit in sorted({shape.limit for shape in SHAPES}):
        warehouse = engine()
        empty_tables(warehouse)
        batches: dict[int, list[Event]] = {}
        for shape in SHAPES:
            for number, event in enumerate(shape.events):
                batches.setdefault(number % 3 if request.param else 0, []).append(
                    replace(event, app_id=shape.name)
                )
        for number, events in sorted(batches.items()):
            land(warehouse, number + 1, events)
            stitch(warehouse, limit)
        found[limit] = rows(warehouse)
    return found


@pytest.mark.parametrize("shape", SHAPES, ids=lambda one: one.name)
def test_components(shape: Shape, built: dict[int, dict[str, Any]]) -> None:
    own = built[shape.limit].get(shape.name, set())
    parts: dict[str, set[str]] = {}
    for identifier, _, component, role, _, _ in own:
        if role == "joined":
            parts.setdefault(component, set()).add(identifier)
    assert parts == {part[0]: set(part) for part in shape.parts}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda one: one.name)
def test_the_slow_stitching_in_python_says_the_same(
    shape: Shape, built: dict[int, dict[str, Any]]
) -> None:
    lowered = [_as_cleaned(event) for event in shape.events]
    said = expected((replace(event, app_id="x") for event in lowered), shape.limit)["x"].rows
    assert built[shape.limit].get(shape.name, set()) == said


def _as_cleaned(event: Event) -> Event:
    """Return the event with the ids of its context in normal form, as the oracle wants them."""
    device = dict(event.context.get("device", {}))
    if "oaid" in device:
        oaid = device["oaid"].strip().lower()
        device["oaid"] = "" if oaid == ZERO or device.get("adTrackingEnabled") is False else oaid
    if "install_id" in device:
        device["installId"] = device.pop("install_id").lower()
    for name in ("amazon_aid", "amazonAdvertisingId"):
        if name in device:
            device["amazon_id"] = device.pop(name)
    return replace(event, context={**event.context, "device": device})


@pytest.fixture
def warehouse() -> Warehouse:
    opened = engine()
    empty_tables(opened)
    return opened


def test_apps_never_meet(warehouse: Warehouse) -> None:
    land(
        warehouse, 1, [phone("v1", idfa="i", app_id="one"), phone("v2", 1, idfa="i", app_id="two")]
    )
    stitch(warehouse)
    assert components(warehouse, "one") == {"v1": "v1", "i": "v1"}
    assert components(warehouse, "two") == {"v2": "v2", "i": "v2"}


def test_of_an_address_only_the_hash_is_kept_wherever_it_came_from(warehouse: Warehouse) -> None:
    land(
        warehouse,
        1,
        [
            phone("v1", user_id=" Ada@Example.org"),
            phone("v2", 1, context={"traits": {"email": "ada@example.org"}}),
            phone("v3", 2, event_name="", properties={"email": "ADA@EXAMPLE.ORG "}),
            phone("v4", 3, properties={"email": "ada@example.org"}),
        ],
    )
    stitch(warehouse)
    hashed = hashlib.sha256(b"ada@example.org").hexdigest()
    attached = {row[:4] for row in rows(warehouse)["app"] if row[3] == "attached"}
    # Properties of a track event are no traits.
    assert attached == {(hashed, "hashed_email", f"v{n}", "attached") for n in (1, 2, 3)}
    for table in ("clean.identities", "clean.identity_links"):
        assert not warehouse.scalar(
            f"SELECT countIf(position(toString(tuple(*)), '@') > 0) FROM {table}"
        )


def test_an_identifier_is_listed_under_every_kind_it_came_as(warehouse: Warehouse) -> None:
    land(warehouse, 1, [phone("x"), browser("x", 1)])
    stitch(warehouse)
    assert {row[:3] for row in rows(warehouse)["app"]} == {
        ("x", "idfv", "x"),
        ("x", "anonymous_id", "x"),
    }


def test_what_is_cut_is_reported_once(warehouse: Warehouse) -> None:
    for number in range(6):
        land(warehouse, number + 1, [phone("v", number, anonymous_id=f"a{number}")])
        stitch(warehouse, 4)
    cuts = warehouse.rows(
        "SELECT identifier, kind, reason, neighbour_count, component_size, component_limit"
        " FROM audit.identity_cuts ORDER BY build_id"
    )
    # With three neighbours it is of the allowed size, with four it is too large, with five a hub.
    assert cuts == [
        ("v", "idfv", "too_large_component", 4, 5, 4),
        ("v", "idfv", "too_many_neighbours", 5, 0, 4),
    ]


def test_a_shared_identifier_is_listed_with_whom_it_was_seen(warehouse: Warehouse) -> None:
    land(warehouse, 1, [phone(f"v{n}", n, idfa="i") for n in range(5)])
    stitch(warehouse, 4)
    shared = {row[:5] for row in rows(warehouse)["app"] if row[3] == "shared"}
    assert shared == {("i", "idfa", f"v{n}", "shared", "too_many_neighbours") for n in range(5)}


def test_the_views_give_components_of_devices_and_devices_of_components(
    warehouse: Warehouse,
) -> None:
    land(warehouse, 1, [phone("v1", idfa="i"), phone("v2", 1, idfa="i"), phone("z", 2)])
    stitch(warehouse)
    assert warehouse.rows("SELECT * FROM clean.device_components ORDER BY ALL") == [
        ("app", "i", "v1"), ("app", "v2", "v1")
    ]  # fmt: skip
    assert warehouse.rows("SELECT * FROM clean.component_devices ORDER BY ALL") == [
        ("app", "v1", "v1"), ("app", "v1", "v2")
    ]  # fmt: skip
