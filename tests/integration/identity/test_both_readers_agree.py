"""The engine reads identifiers out of rows as identifiers.py reads one text."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine import empty_tables, engine
from tests.market.model import Event, at
from tests.market.stitching import land
from unmogrowp.identity.identifiers import IdentifierKind as Kind
from unmogrowp.identity.identifiers import normalise, typed
from unmogrowp.identity.scratch import scratch

T = at("2026-03-10T12:00:00")
PIECES = st.sampled_from(
    ["0", "-", ".", ":", "_", " ", "null", "NONE", "a", "F", "ü", "İ", "@", "x@y.de", "\t", "\v",
     "\0", "9774d56d682e549c", "0f8fad5b-d9cb-469f-a165-70867728950e", "Z" * 130, '"', "\\"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=4).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=12
)


def device(number: int, **fields: object) -> Event:
    return Event(
        message_id=f"m{number}", occurred_at=T, device_key=f"d{number}", device_id=f"d{number}",
        idfv=f"d{number}", platform="ios", **fields,
    )  # fmt: skip


@settings(
    max_examples=3,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(TEXTS, min_size=60, max_size=120))
def test_of_any_text_both_make_the_same(texts: list[str]) -> None:
    warehouse = engine()
    empty_tables(warehouse)
    events = []
    expected = set()
    for number, text in enumerate(texts):
        events.append(
            device(
                number,
                anonymous_id=text,
                context={
                    "device": {"oaid": text, "amazon_aid": text, "installId": text},
                    "traits": {"email": text},
                },
            )
        )
        # A device of its own: an anonymous id that is the user id, too, is no anonymous id.
        events.append(device(-number - 1, user_id=text))
        found = [(f"d{number}", kind, normalise(kind, text)) for kind in _READ_BESIDE_A_DEVICE]
        is_hash = normalise(Kind.HASHED_EMAIL, text) == text.strip(" ").lower()
        if not is_hash:
            found.append((f"d{number}", Kind.HASHED_EMAIL, normalise(Kind.HASHED_EMAIL, text)))
        found.append((f"d{-number - 1}", *typed(Kind.USER_ID, text)))
        expected |= {(key, str(kind), normal) for key, kind, normal in found if normal}
    land(warehouse, 1, events)
    with scratch(warehouse, on_disk=False) as tables:
        warehouse.run(
            "identity/read_links",
            {
                "target": tables["seen"], "devices": tables["devices"], "only_named": False,
                "after": 0, "through": 1,
            },
        )  # fmt: skip
        rows = warehouse.rows(
            f"SELECT device_key, kind, identifier FROM {tables.full('seen')} WHERE kind != 'idfv'"
        )
    assert set(rows) == expected


_READ_BESIDE_A_DEVICE = (Kind.ANONYMOUS_ID, Kind.OAID, Kind.AMAZON_ID, Kind.INSTALL_ID)
