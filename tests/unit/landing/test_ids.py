"""Ids, addresses, money and parameters: cleaned by the rules of the contract."""

import json
from typing import Any, Literal

import pytest

from tests.fakes.landing import House
from tests.fakes.requests import NOON, headers, iso, send, send_batch, send_touch, track
from unmogrowp.contracts.topics import Topic
from unmogrowp.contracts.touches import touch_id

UUID = "6D92078A-8246-4BA4-AE5B-76104861E7DC"
ZERO = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def landed() -> House:
    """One event per device, one touch per click id, landed once."""
    house = House()
    for name, device in DEVICES.items():
        send_batch(house.stream, [track(name, context={"device": device[0]})])
    for number, (value, _) in enumerate(CLICK_IDS):
        send_touch(house.stream, {"click_id": value, "media_source": f"n{number}"}, NOON + number)
    house.land()
    return house


DEVICES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "ids are trimmed and lower-cased": (
        {"id": f" {UUID} ", "advertisingId": UUID, "type": "ios"},
        {"device_id": UUID.lower(), "idfv": UUID.lower(), "idfa": UUID.lower(), "gaid": ""},
    ),
    "an all-zero advertising id is none": (
        {"id": UUID, "advertisingId": ZERO, "type": "ios"},
        {"idfa": "", "device_key": UUID.lower()},
    ),
    "an opted-out advertising id is none": (
        {
            "id": "a1b2c3d4e5f60718",
            "advertisingId": UUID,
            "adTrackingEnabled": False,
            "type": "android",
        },
        {"gaid": "", "android_id": "a1b2c3d4e5f60718"},
    ),
    "opted in by a text": (
        {"id": "a1", "advertisingId": UUID, "adTrackingEnabled": "true", "type": "Android"},
        {"gaid": UUID.lower()},
    ),
    "a malformed advertising id is none": (
        {"id": "a1", "advertisingId": "limited", "type": "android"},
        {"gaid": "", "device_key": "a1"},
    ),
    "an all-zero device id is none and the advertising id is the key": (
        {"id": "0000000000000000", "advertisingId": UUID, "type": "android"},
        {"device_id": "", "device_key": UUID.lower()},
    ),
    "a word that means nothing is no device id": (
        {"id": "undefined", "type": "android"},
        {"device_id": "", "device_key": "anon-a word that means nothing is no device id"},
    ),
    "the operating system tells the platform where the type is missing": (
        {"id": "x"},
        {"platform": "other", "device_id": "x", "android_id": ""},
    ),
}


@pytest.mark.parametrize("name", DEVICES)
def test_device(landed: House, name: str) -> None:
    row = landed.event(name)
    assert {key: row[key] for key in DEVICES[name][1]} == DEVICES[name][1]


CLICK_IDS = [
    ("AbC-1", "AbC-1"),
    (" AbC-2 ", "AbC-2"),
    ("", ""),
    ("0", ""),
    ("null", ""),
    ("None", ""),
    ("undefined", ""),
    ("{click_id}", ""),
    ("{{click_id}}", ""),
    ("${CLICK}", ""),
    ("[click_id]", ""),
    ("%click_id%", ""),
    ("__CLICK_ID__", ""),
    ("a{b}", "a{b}"),
    ("00", "00"),
]


@pytest.mark.parametrize("number", range(len(CLICK_IDS)), ids=[repr(c[0]) for c in CLICK_IDS])
def test_click_id(landed: House, number: int) -> None:
    value, usable = CLICK_IDS[number]
    rows = landed.warehouse.rows(
        "SELECT click_id, time_flags FROM clean.touches WHERE media_source = {source:String}",
        {"source": f"n{number}"},
    )
    assert rows == [(usable, ["click_id.unusable"] if value and not usable else [])]


UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({"gaid": UUID, "idfa": UUID.upper(), "android_id": "9774d56d682e549d"}, []),
        ({"gaid": UUID[:30]}, ["gaid.unusable"]),
        (
            {"idfa": UUID.replace("-", ""), "gaid": "g" + UUID[1:]},
            ["idfa.unusable", "gaid.unusable"],
        ),
        ({"idfv": "x", "android_id": "a b"}, ["idfv.unusable", "android_id.unusable"]),
        ({"gaid": "00000000-0000-0000-0000-000000000000", "idfa": "", "idfv": " "}, []),
        ({"gaid": "{gaid}", "idfa": "__IDFA__", "android_id": "null"}, []),
    ],
    ids=[
        "ids of the right shape",
        "an id cut off",
        "an id without hyphens, and one with a letter too many",
        "ids of the wrong kind",
        "zeros and blanks say that there is none",
        "macros and words say that there is none",
    ],
)
def test_device_ids_of_a_touch_that_are_none_are_named(fields, flags):
    house = House()
    send_touch(house.stream, {"media_source": "n", "click_id": "c", **fields}, path="/v1/click")
    house.land()
    assert house.warehouse.rows("SELECT time_flags FROM clean.touches") == [(flags,)]


def test_without_any_id_the_message_is_the_device() -> None:
    house = House()
    send_batch(house.stream, [{"type": "track", "event": "x", "messageId": "m", "userId": "u"}])
    house.land()
    assert house.event("m")["device_key"] == "message:m"


def _touch_ids(*touches: tuple[dict[str, Any], int], path: str = "/v1/click") -> list[str]:
    house = House()
    for number, (fields, received) in enumerate(touches):
        send_touch(house.stream, fields, received, path=path, request_id=f"r{number}")
    house.land()
    return house.ids("clean.touches", "touch_id")


HOUR = 3_600_000


@pytest.mark.parametrize(
    ("touches", "count"),
    [
        ([({"click_id": "c"}, NOON), ({"click_id": "c"}, NOON + HOUR - 1)], 1),
        ([({"click_id": "c"}, NOON), ({"click_id": "c"}, NOON + HOUR)], 2),
        (
            [
                ({"click_id": "c", "touch_at": iso(NOON - 9)}, NOON),
                ({"click_id": "c", "touch_at": str(NOON - 9)}, NOON + HOUR),
            ],
            1,
        ),
        (
            [
                ({"click_id": "c", "media_source": "a"}, NOON),
                ({"click_id": "c", "media_source": "b"}, NOON),
            ],
            2,
        ),
        (
            [
                ({"gaid": UUID, "touch_at": iso(NOON - 9)}, NOON),
                ({"gaid": UUID, "touch_at": iso(NOON - 9)}, NOON + HOUR),
            ],
            1,
        ),
        (
            [
                ({"gaid": UUID, "touch_at": iso(NOON - 9)}, NOON),
                ({"gaid": UUID, "touch_at": iso(NOON - 8)}, NOON),
            ],
            2,
        ),
        (
            [
                ({"touch_at": iso(NOON - 9), "x": "1"}, NOON),
                ({"touch_at": iso(NOON - 9), "x": "2"}, NOON),
            ],
            2,
        ),
        ([({"gaid": UUID}, NOON), ({"gaid": UUID}, NOON)], 2),
    ],
    ids=[
        "one click id within one UTC hour is one touch",
        "in the next UTC hour it is another",
        "its own time makes it one over the hours, however it is written",
        "of two networks it is two",
        "without a click id all fields and the own time make it one",
        "another own time makes it another",
        "another parameter makes it another",
        "without click id and own time nothing is a copy",
    ],
)
def test_touch_id(touches: list[tuple[dict[str, Any], int]], count: int) -> None:
    assert len(_touch_ids(*touches)) == count


def test_parameters_money_and_flags_of_a_touch() -> None:
    house = House()
    send_touch(
        house.stream,
        {
            "click_id": "c",
            "campaign": " Spring ",
            "cost_model": "CPI",
            "cost_value": 0.0123456789,
            "cost_currency": "eur",
            "is_retargeting": "true",
            "creative": "blue",
            "n": 7,
            "params": {"deep": "x", "n": "8"},
        },
    )
    house.land()
    (row,) = house.records("clean.touches")
    assert row["params"] == {"creative": "blue", "deep": "x", "n": "8"}
    assert (row["campaign"], row["cost_model"], row["cost_currency"]) == ("Spring", "cpi", "EUR")
    assert str(row["cost_value"]) == "0.012345678"
    assert row["is_retargeting"]


@pytest.mark.parametrize(
    ("fields", "user_agent", "expected"),
    [
        ({"ip": "198.51.100.0/24#h"}, "python-requests/2", ("198.51.100.0/24", "h")),
        ({}, "Mozilla/5.0", ("203.0.113.0/24", "connection-hash")),
        ({}, "python-requests/2", ("", "")),
        ({"user_agent": "Dalvik/2"}, "Mozilla/5.0", ("", "")),
    ],
    ids=[
        "an address in the touch counts",
        "a browser is itself the device",
        "a server is not the device",
        "who names another device is not the device",
    ],
)
def test_address_of_a_touch(
    fields: dict[str, str], user_agent: str, expected: tuple[str, str]
) -> None:
    house = House()
    send_touch(house.stream, {"click_id": "c", **fields}, user_agent=user_agent)
    house.land()
    (row,) = house.records("clean.touches")
    assert (row["ip_prefix"], row["ip_hash"]) == expected


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"ip": "198.51.100.0/24#h"}, ("198.51.100.0/24", "h")),
        ({"library": {"name": "analytics-kotlin"}}, ("203.0.113.0/24", "connection-hash")),
        ({"library": {"name": "analytics-python"}}, ("", "")),
    ],
    ids=["an address in the item counts", "a device is its own", "a server has none to give"],
)
def test_address_of_an_event(context: dict[str, Any], expected: tuple[str, str]) -> None:
    house = House()
    send_batch(house.stream, [track("m", context=context)])
    house.land()
    row = house.event("m")
    assert (row["ip_prefix"], row["ip_hash"]) == expected


def test_the_context_of_the_batch_is_merged_and_the_item_wins() -> None:
    house = House()
    item = track("m", context={"device": {"id": "own", "type": "android"}})
    context = {"device": {"id": "batch", "model": "Pixel"}, "locale": "de-DE"}
    send_batch(house.stream, [item], envelope={"context": context})
    house.land()
    row = house.event("m")
    assert (row["device_id"], row["device_model"], row["locale"]) == ("own", "Pixel", "de-DE")


def test_revenue_is_exact_and_other_text_is_none() -> None:
    house = House()
    values = ["12.34", 0.1, "1e3", "-5", "$5", "NaN", "0.0000000001", None]
    items = [
        track(f"m{n}", properties={"revenue": value, "currency": "eur"})
        for n, value in enumerate(values)
    ]
    send_batch(house.stream, items)
    house.land()
    found = [house.event(f"m{n}")["revenue"] for n in range(len(values))]
    texts = [None if value is None else f"{value:.9f}" for value in found]
    assert texts == [
        "12.340000000",
        "0.100000000",
        "1000.000000000",
        "-5.000000000",
        None,
        None,
        "0.000000000",
        None,
    ]
    assert house.event("m0")["currency"] == "EUR"


@pytest.mark.parametrize(
    ("path", "item", "expected"),
    [
        ("/v1/identify", {"traits": {"plan": "pro"}}, ("identify", "", '{"plan":"pro"}')),
        ("/v1/alias", {"previousId": "old"}, ("alias", "", '{"previousId":"old"}')),
        (
            "/v1/group",
            {"groupId": "g", "traits": {"n": 1}},
            ("group", "", '{"n":1,"groupId":"g"}'),
        ),
        (
            "/v1/screen",
            {"name": "Home", "properties": {"n": 1}},
            ("screen", "", '{"name":"Home","n":1}'),
        ),
        ("/v1/track", {"event": "E", "properties": {"n": 1}}, ("track", "E", '{"n":1}')),
    ],
)
def test_a_single_call_takes_its_type_from_its_path(
    path: str, item: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    house = House()
    body = json.dumps({"messageId": "m", "userId": "u", **item}).encode()
    send(house.stream, Topic.EVENTS, body, headers(path=path, received_at=NOON, item_count=1))
    house.land()
    row = house.event("m")
    assert (row["event_type"], row["event_name"], row["properties"]) == expected


def test_the_id_in_the_collectors_answer_is_the_one_in_the_table() -> None:
    house = House()
    touches: list[tuple[dict[str, Any], Literal["click", "impression"]]] = [
        ({"click_id": " AbC ", "media_source": " net "}, "click"),
        ({"click_id": "AbC", "media_source": "net", "touch_at": iso(NOON - 7)}, "impression"),
        ({"media_source": "net", "touch_at": str(NOON // 1000 - 60), "x": "ü", "a": "1"}, "click"),
        ({"media_source": "net", "touch_at": iso(NOON), "params": {"z": "1", "b": "2"}}, "click"),
        ({"media_source": "net", "click_id": "{CLICK}", "touch_at": "whenever"}, "click"),
        ({"media_source": "net"}, "impression"),
    ]
    for number, (fields, kind) in enumerate(touches):
        send_touch(house.stream, fields, NOON + number, path=f"/v1/{kind}", request_id=f"r{number}")
    house.land()
    found = {row["offset"]: row["touch_id"] for row in house.records("clean.touches")}
    assert found == {
        number: touch_id(
            {k: v if isinstance(v, str) else json.dumps(v) for k, v in fields.items()},
            app_id="app",
            touch_type=kind,
            received_at_ms=NOON + number,
            request_id=f"r{number}",
            index=0,
        )
        for number, (fields, kind) in enumerate(touches)
    }
