import base64

import pytest

from local_stack.clickhouse.accounts import (
    Accounts,
    Credentials,
    account_of,
    credentials_of,
    from_document,
    to_document,
)
from unmogrowp.errors import ConfigurationError

ACCOUNTS = Accounts(
    [account_of("pipeline", "pipeline", "p" * 32), account_of("analyst", "analyst", "a" * 32)]
)
NOT_UTF8 = "Basic " + base64.b64encode(b"\xff").decode()


@pytest.mark.parametrize(
    ("user", "password", "role"),
    [
        ("pipeline", "p" * 32, "pipeline"),
        ("analyst", "a" * 32, "analyst"),
        ("analyst", "p" * 32, None),
        ("analyst", "", None),
        ("", "", None),
        ("default", "", None),
        ("Analyst", "a" * 32, None),
    ],
)
def test_an_account_needs_its_own_password(user: str, password: str, role: str | None) -> None:
    found = ACCOUNTS.find(Credentials(user, password))
    assert (found.role if found else None) == role


def test_no_credentials_are_nobody() -> None:
    assert ACCOUNTS.find(None) is None


def test_what_is_handed_over_holds_no_password() -> None:
    document = to_document([account_of("analyst", "analyst", "secret" * 8)])
    assert b"secret" not in document
    assert from_document(document).find(Credentials("analyst", "secret" * 8)) is not None


def test_the_same_password_has_another_hash_each_time() -> None:
    assert account_of("a", "analyst", "x").digest != account_of("a", "analyst", "x").digest


@pytest.mark.parametrize(
    "document", [b"", b"{}", b'{"accounts": []}', b'{"accounts": [{"name": "a", "role": "root"}]}']
)
def test_an_unreadable_document_stops_the_start(document: bytes) -> None:
    with pytest.raises(ConfigurationError):
        from_document(document)


def test_credentials_are_read_from_headers_basic_and_url() -> None:
    basic = "Basic " + base64.b64encode(b"analyst:pa:ss").decode()
    key = {"x-clickhouse-user": "u", "x-clickhouse-key": "k"}
    assert credentials_of({"authorization": basic}, {}) == Credentials("analyst", "pa:ss")
    assert credentials_of(key, {}) == Credentials("u", "k")
    assert credentials_of({}, {"user": "u", "password": "p"}) == Credentials("u", "p")
    assert credentials_of({}, {}) is None


@pytest.mark.parametrize("header", ["Basic %%%", "Bearer x", NOT_UTF8])
def test_a_header_that_cannot_be_read_proves_nothing(header: str) -> None:
    assert credentials_of({"authorization": header}, {"user": "u", "password": "p"}) is None
