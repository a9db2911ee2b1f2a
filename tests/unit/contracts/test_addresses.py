import json
from hashlib import blake2b
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmogrowp.contracts.addresses import minimise, parse_address, redact_body, redact_text

SECRET = b"s" * 32


def digest(address: str) -> str:
    return blake2b(ip_address(address).packed, key=SECRET, digest_size=16).hexdigest()


@pytest.mark.parametrize(
    ("text", "prefix", "address"),
    [
        ("203.0.113.42", "203.0.113.0/24", "203.0.113.42"),
        (" 203.0.113.42 ", "203.0.113.0/24", "203.0.113.42"),
        ("203.0.113.42:8080", "203.0.113.0/24", "203.0.113.42"),
        ("203.0.113.42, 10.0.0.1", "203.0.113.0/24", "203.0.113.42"),
        ("::ffff:203.0.113.42", "203.0.113.0/24", "203.0.113.42"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48", "2001:db8:1:2:3:4:5:6"),
        ("[2001:db8::1]:443", "2001:db8::/48", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::/48", "fe80::1"),
        ("::1", "::/48", "::1"),
    ],
)
def test_of_an_address_its_network_and_a_keyed_hash_remain(
    text: str, prefix: str, address: str
) -> None:
    assert minimise(text, SECRET) == (prefix, digest(address))
    assert redact_text(text, SECRET) == f"{prefix}#{digest(address)}"


@pytest.mark.parametrize("text", ["", "unknown", "1.2.3", "intellectual property", "1.2.3.4.5"])
def test_what_is_no_address_has_neither(text: str) -> None:
    assert minimise(text, SECRET) == ("", "")
    assert parse_address(text) is None


def test_equal_addresses_match_within_an_app_and_not_across() -> None:
    assert minimise("203.0.113.42", SECRET) == minimise("203.0.113.42", SECRET)
    assert minimise("203.0.113.42", SECRET)[1] != minimise("203.0.113.42", b"t" * 32)[1]


R4 = f"203.0.113.0/24#{digest('203.0.113.42')}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"context":{"ip":"203.0.113.42"}}', f'{{"context":{{"ip":"{R4}"}}}}'),
        ('{ "ip" :\n "203.0.113.42" , "n":1.0}', f'{{ "ip" :\n "{R4}" , "n":1.0}}'),
        ('{"ip":"203.0.113.42","ip":"203.0.113.42"}', f'{{"ip":"{R4}","ip":"{R4}"}}'),
        ('{"\\u0069p":"203.0.113.42"}', f'{{"ip":"{R4}"}}'),
        ('{"ip":"203.0.113.\\u00342"}', f'{{"ip":"{R4}"}}'),
        ('{"ip":"1.2.3.999"}', '{"ip":"#"}'),
    ],
)
def test_members_called_ip_are_replaced_and_nothing_else(before: str, after: str) -> None:
    assert redact_body(before.encode(), SECRET).decode() == after


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1}',
        b'{"ip":null}',
        b'{"ip":"somewhere"}',
        b'{"note":"the \\"ip\\":\\"203.0.113.42\\" is quoted"}',
        b'{"strange\\"ip":"203.0.113.42"}',
        b'{"zip":"203.0.113.42"}',
        b"not JSON \xff",
    ],
)
def test_a_body_without_addresses_comes_back_as_the_same_object(body: bytes) -> None:
    assert redact_body(body, SECRET) is body


def test_redacting_twice_changes_nothing_more() -> None:
    once = redact_body(b'{"ip":"203.0.113.42"}', SECRET)
    assert redact_body(once, SECRET) is once


texts = st.text(alphabet='ip":,\\{}u0069 a1.', max_size=12)


@given(st.dictionaries(texts | st.just("ip"), texts | st.ip_addresses().map(str), max_size=5))
def test_a_redacted_body_decodes_to_the_same_but_for_addresses(
    given_object: dict[str, str],
) -> None:
    body = json.dumps(given_object).encode()
    found = json.loads(redact_body(body, SECRET))
    expected = {
        key: redact_text(value, SECRET) if key == "ip" else value
        for key, value in given_object.items()
    }
    assert found == expected
