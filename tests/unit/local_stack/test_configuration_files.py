import configparser
from pathlib import Path

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from local_stack import kafka, valkey
from local_stack.components import COMPONENTS
from local_stack.dagster_files import write_dagster_files
from local_stack.data_folder import DataFolder
from local_stack.secret_files import ensure_secret
from local_stack.supervision import render
from unmogrowp.errors import ConfigurationError
from unmogrowp.settings import OperatorSettings


def kafka_properties() -> dict[str, str]:
    text = kafka.server_properties(Path("/srv/data"), 9092, 9093, 168)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_kafka_listens_on_loopback_and_takes_the_largest_record_of_the_contract() -> None:
    properties = kafka_properties()
    assert properties["listeners"] == "BROKER://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert int(properties["message.max.bytes"]) == 24 * 1024 * 1024
    assert int(properties["socket.request.max.bytes"]) > 24 * 1024 * 1024
    assert properties["auto.create.topics.enable"] == "false"


def test_kafka_sends_heartbeats_several_times_within_a_session() -> None:
    properties = kafka_properties()
    session = int(properties["broker.session.timeout.ms"])
    assert session / int(properties["broker.heartbeat.interval.ms"]) >= 4


def test_valkey_has_a_password_keeps_every_write_and_listens_on_loopback() -> None:
    text = valkey.configuration(Path('/srv/a "b"'), 6379, "hidden")
    lines = text.splitlines()
    assert "requirepass hidden" in lines
    assert "appendonly yes" in lines
    assert "bind 127.0.0.1" in lines
    assert 'dir "/srv/a \\"b\\""' in lines


def test_supervisor_restarts_every_component_and_starts_none_by_itself() -> None:
    home = DataFolder(Path("/srv/with %percent"))
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(render(home, [component.program for component in COMPONENTS]))
    for component in COMPONENTS:
        section = parser[f"program:{component.name}"]
        assert section["autostart"] == "false"
        assert section["autorestart"] == "true"
        assert section["stdout_logfile"] == f"/srv/with %%percent/logs/{component.name}.log"
        assert section["command"].endswith(f"-m local_stack.launch {component.name}")
    assert parser["program:postgres"]["stopsignal"] == "INT"
    assert parser["program:postgres"]["killasgroup"] == "false"
    assert parser["unix_http_server"]["chmod"] == "0600"
    assert "inet_http_server" not in parser


def test_dagster_files_hold_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNMOGROWP_HOME", str(tmp_path))
    home = DataFolder(tmp_path)
    home.make()
    settings = OperatorSettings()
    settings.postgres.url = "postgresql+psycopg2://un:mo@127.0.0.1:5433/unmogrowp"
    settings.postgres.dagster_url = "postgresql+psycopg2://own%3Aer@127.0.0.1:5433/dagster"
    settings.postgres.password = type(settings.postgres.password)("hid:den\\")
    write_dagster_files(settings, home)
    rendered = (home.dagster / "dagster.yaml").read_text()
    assert "hid" not in rendered
    dagster_instance_config(str(home.dagster))  # raises where Dagster does not understand it
    storage = yaml.safe_load(rendered)["storage"]["custom"]["config"]["postgres_db"]
    assert (storage["hostname"], storage["port"]) == ("127.0.0.1", 5433)
    assert storage["username"] == "own:er"
    assert storage["params"]["passfile"] == str(home.secrets / "pgpass")
    assert (home.secrets / "pgpass").read_text() == "127.0.0.1:5433:*:own\\:er:hid\\:den\\\\\n"
    assert (home.secrets / "pgpass").stat().st_mode & 0o777 == 0o600


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    first = ensure_secret(folder, "postgres")
    assert ensure_secret(folder, "postgres") == first
    assert ensure_secret(folder, "valkey") != first
    assert len(first) >= 43
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "postgres").stat().st_mode & 0o777 == 0o600


def test_wiping_leaves_what_is_not_ours(tmp_path: Path) -> None:
    home = DataFolder(tmp_path / "var")
    home.make()
    (home.component("kafka") / "data").mkdir(parents=True)
    (home.root / "notes.txt").write_text("mine")
    home.wipe()
    assert [entry.name for entry in home.root.iterdir()] == ["notes.txt"]
    with pytest.raises(ConfigurationError, match="no data folder of this project"):
        home.wipe()


def test_an_existing_data_folder_keeps_its_permissions(tmp_path: Path) -> None:
    root = tmp_path / "var"
    root.mkdir(mode=0o750)
    root.chmod(0o750)
    DataFolder(root).make()
    assert root.stat().st_mode & 0o777 == 0o750
