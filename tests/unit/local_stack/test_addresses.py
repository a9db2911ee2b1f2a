from pathlib import Path

import pytest

from local_stack.addresses import (
    OWNERS,
    choose_addresses,
    external_components,
    read_external,
    without_password,
    write_stack_file,
)
from unmogrowp.errors import ConfigurationError
from unmogrowp.settings import PORT_FIELDS, OperatorSettings, Settings


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.setenv("UNMOGROWP_HOME", str(tmp_path))
    for name in ("KAFKA__BOOTSTRAP_SERVERS", "CLICKHOUSE__URL", "POSTGRES__URL", "REDIS__URL"):
        monkeypatch.delenv(f"UNMOGROWP_{name}", raising=False)
    return OperatorSettings()


def nothing_explicit(_group: str, _field: str) -> bool:
    return False


def test_every_port_of_the_settings_belongs_to_a_component() -> None:
    assert {f"{group}.{field}" for group, field in PORT_FIELDS} == set(OWNERS)


def test_default_ports_are_taken_where_they_are_free(operator: Settings) -> None:
    chosen = choose_addresses(operator, operator, nothing_explicit, lambda _: True)
    assert chosen.settings["kafka"]["bootstrap_servers"] == "127.0.0.1:9092"
    assert chosen.settings["clickhouse"]["url"] == "http://127.0.0.1:8123"
    assert chosen.settings["postgres"] == {
        "url": "postgresql+psycopg2://unmogrowp@127.0.0.1:5432/unmogrowp",
        "dagster_url": "postgresql+psycopg2://unmogrowp@127.0.0.1:5432/dagster",
    }
    assert chosen.settings["redis"]["url"] == "redis://127.0.0.1:6379/0"
    assert chosen.moved == ()


def test_a_taken_default_port_moves_to_the_next_free_one_and_says_so(operator: Settings) -> None:
    chosen = choose_addresses(
        operator, operator, nothing_explicit, lambda port: port not in (8123, 8124)
    )
    assert chosen.settings["clickhouse"]["url"] == "http://127.0.0.1:8125"
    assert chosen.moved == ("port 8123 for clickhouse is in use; 8125 is used instead",)


def test_two_components_never_get_the_same_port(operator: Settings) -> None:
    operator.ports.kafka = operator.ports.valkey = 7000
    chosen = choose_addresses(operator, operator, nothing_explicit, lambda _: True)
    assert chosen.settings["ports"]["kafka"] == 7000
    assert chosen.settings["ports"]["valkey"] == 7001


def test_an_explicit_port_that_is_taken_is_refused(operator: Settings) -> None:
    with pytest.raises(ConfigurationError, match="port 8080 for collector is in use"):
        choose_addresses(
            operator,
            operator,
            lambda group, _field: group == "collector",
            lambda port: port != 8080,
        )


def test_the_ports_of_the_last_start_are_preferred(operator: Settings) -> None:
    last = operator.model_copy(deep=True)
    last.ports.kafka = 9555
    chosen = choose_addresses(operator, last, nothing_explicit, lambda _: True)
    assert chosen.settings["ports"]["kafka"] == 9555


def test_an_explicit_zero_keeps_the_port_of_the_last_start(operator: Settings) -> None:
    last = operator.model_copy(deep=True)
    operator.ports.valkey = 0
    last.ports.valkey = 6555
    chosen = choose_addresses(operator, last, lambda *_: True, lambda _: True)
    assert chosen.settings["ports"]["valkey"] == 6555


def test_an_address_in_the_environment_replaces_the_component(operator: Settings) -> None:
    operator.kafka.bootstrap_servers = "broker.example:9092"
    operator.postgres.url = "postgresql://me:hidden@db.example/control"
    assert external_components(operator) == {"kafka", "postgres"}
    chosen = choose_addresses(operator, operator, nothing_explicit, lambda _: True)
    assert chosen.settings["kafka"]["bootstrap_servers"] == "broker.example:9092"
    assert chosen.settings["postgres"] == {
        "url": "postgresql://me@db.example/control",
        "dagster_url": "postgresql://me@db.example/dagster",
    }
    assert set(chosen.settings["ports"]) == {"clickhouse", "valkey"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://:hidden@127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("https://me:hid@den@host:8443", "https://me@host:8443"),
        ("postgresql://me@host/db?sslmode=require", "postgresql://me@host/db?sslmode=require"),
        ("", ""),
    ],
)
def test_passwords_do_not_stay_in_urls(url: str, expected: str) -> None:
    assert without_password(url) == expected


def test_the_stack_file_tells_what_is_external_and_is_private(
    operator: Settings, tmp_path: Path
) -> None:
    operator.redis.url = "redis://cache.example:6379/1"
    chosen = choose_addresses(operator, operator, nothing_explicit, lambda _: True)
    file = tmp_path / "stack.json"
    assert read_external(file) is None
    write_stack_file(file, chosen)
    assert read_external(file) == {"valkey"}
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("{")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_external(file)
