"""What is an identifier, in which form, and what never matches."""

import hashlib

import pytest

from unmogrowp.identity.identifiers import IdentifierKind as Kind
from unmogrowp.identity.identifiers import hash_email, normalise, typed

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
ZERO = "00000000-0000-0000-0000-000000000000"
ADA = hashlib.sha256(b"ada@example.org").hexdigest()


@pytest.mark.parametrize("kind", [Kind.IDFA, Kind.GAID, Kind.AMAZON_ID])
@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (f"  {UUID.upper()} ", UUID),
        (ZERO, ""),
        ("", ""),
        ("  ", ""),
        (UUID[:-1], ""),
        (UUID.replace("-", ""), ""),
        (f"{UUID}x", ""),
        ("null", ""),
    ],
)
def test_an_advertising_id_is_a_uuid_in_lower_case(kind: Kind, text: str, normal: str) -> None:
    assert normalise(kind, text) == normal


@pytest.mark.parametrize(
    "kind", [Kind.IDFV, Kind.ANDROID_ID, Kind.DEVICE_ID, Kind.OAID, Kind.INSTALL_ID]
)
@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (" ABC-1 ", "abc-1"),
        (ZERO, ""),
        ("0", ""),
        ("unknown", ""),
        ("NULL", ""),
        ("9774D56D682E549C", ""),
        ("with space", ""),
        ("ü", ""),
        ("x" * 128, "x" * 128),
        ("x" * 129, ""),
    ],
)
def test_a_device_id_is_short_plain_and_in_lower_case(kind: Kind, text: str, normal: str) -> None:
    assert normalise(kind, text) == normal


@pytest.mark.parametrize("kind", [Kind.ANONYMOUS_ID, Kind.USER_ID])
@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (" Ab9 ", "Ab9"),
        ("Undefined", ""),
        ("0", ""),
        (ZERO, ""),
        ("ada@example.org", ""),
        ("@ada", "@ada"),
        ("ü" * 128, "ü" * 128),
        ("ü" * 129, ""),
    ],
)
def test_anonymous_and_user_ids_keep_their_case(kind: Kind, text: str, normal: str) -> None:
    assert normalise(kind, text) == normal


@pytest.mark.parametrize("text", ["ada@example.org", " ADA@Example.org ", ADA, ADA.upper()])
def test_an_address_is_its_hash_and_a_hash_stays_one(text: str) -> None:
    assert normalise(Kind.HASHED_EMAIL, text) == ADA


@pytest.mark.parametrize("text", ["", "ada", "ada@example", "a b@example.org", "@example.org"])
def test_what_is_no_address_is_not_hashed(text: str) -> None:
    assert normalise(Kind.HASHED_EMAIL, text) == ""


def test_a_user_id_that_is_an_address_is_kept_as_its_hash() -> None:
    assert typed(Kind.USER_ID, " Ada@example.org") == (Kind.HASHED_EMAIL, ADA)
    assert typed(Kind.USER_ID, "ada") == (Kind.USER_ID, "ada")
    assert hash_email(" ADA@example.org ") == ADA


def test_people_attach_and_devices_join() -> None:
    assert [kind for kind in Kind if not kind.joins] == [Kind.USER_ID, Kind.HASHED_EMAIL]


def test_names_are_chosen_as_events_choose_their_device_key() -> None:
    order = sorted(Kind, key=lambda kind: kind.naming_rank)
    assert order[:3] == [Kind.IDFV, Kind.ANDROID_ID, Kind.DEVICE_ID]
    assert order.index(Kind.GAID) < order.index(Kind.ANONYMOUS_ID) < order.index(Kind.OAID)
