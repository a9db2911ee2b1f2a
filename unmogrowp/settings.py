"""Every setting, its unit and its default; only entry points read them.

Sources, first wins: environment (`UNMOGROWP_<GROUP>__<FIELD>`), the file `stack.json` that
`unmogrowp up` writes into the data folder (where the embedded components listen), defaults.
Passwords of the embedded stack are files under `<home>/secrets` (mode 0600): they appear in no
environment, command line or configuration file. A URL given in the environment may carry its own.
"""

import json
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from unmogrowp.errors import ConfigurationError
from unmogrowp.stream.kafka_connection import KafkaConnection

MIB = 1024 * 1024


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid")


class KafkaSettings(_Group):
    """The stream. Setting `bootstrap_servers` in the environment replaces the embedded broker."""

    bootstrap_servers: str = ""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    ssl_ca_file: str = ""
    events_partitions: int = Field(2, ge=1, description="of events.v1, when it is created")
    replication_factor: int = Field(1, ge=1)
    retention_hours: int = Field(168, ge=1, description="how long the stream keeps records")

    def connection(self) -> KafkaConnection:
        """Return what a Kafka client needs, for the library's stream classes."""
        return KafkaConnection(
            bootstrap_servers=self.bootstrap_servers,
            security_protocol=self.security_protocol,
            sasl_mechanism=self.sasl_mechanism,
            sasl_username=self.sasl_username,
            sasl_password=self.sasl_password.get_secret_value(),
            ssl_ca_file=self.ssl_ca_file,
        )


class ClickHouseSettings(_Group):
    """The warehouse. Setting `url` in the environment replaces the embedded server."""

    url: str = ""
    user: str = "pipeline"
    password: SecretStr = SecretStr("")
    analyst_user: str = "analyst"
    analyst_password: SecretStr = SecretStr("")
    cluster: str = Field("", description="name of the cluster; empty: one server, no replicas")


class PostgresSettings(_Group):
    """The control database. Setting `url` in the environment replaces the embedded server.

    `dagster_url` is Dagster's own database; by default the database `dagster` of the same server.
    """

    url: str = ""
    user: str = "unmogrowp"
    password: SecretStr = SecretStr("")
    dagster_url: str = ""


class RedisSettings(_Group):
    """The cache. Setting `url` in the environment replaces the embedded Valkey."""

    url: str = ""
    password: SecretStr = SecretStr("")


class CollectorSettings(_Group):
    """Limits of the collector; sizes in bytes, times in the unit of the name."""

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = Field(2, ge=1)
    max_wire_bytes: int = 4 * MIB
    max_unpacked_bytes: int = 10 * MIB
    max_items: int = 2_500
    max_item_bytes: int = 32 * 1024
    max_depth: int = 32
    in_flight_bytes: int = Field(64 * MIB, description="per worker; beyond it 503 + Retry-After")
    ack_timeout_ms: int = Field(20_000, description="how long a request waits for the broker")
    retry_after_seconds: int = 5
    linger_ms: int = 0
    compression: Literal["lz4", "zstd", "none"] = "lz4"
    key_refresh_seconds: float = 2.0
    stats_interval_seconds: float = 5.0
    dead_letter_daily_bytes: int = Field(64 * MIB, description="kept per source and UTC day")
    dead_letter_total_daily_bytes: int = Field(1024 * MIB, description="of all sources together")
    rate_events_per_key: int = Field(
        1_000_000, ge=0, description="items a second per write key, of all workers; 0: no limit"
    )
    rate_touches_per_app: int = Field(
        200_000, ge=0, description="touches a second per app, of all workers; 0: no limit"
    )
    rate_strangers_per_address: int = Field(
        1_000, ge=0, description="requests a second without a known sender; 0: no limit"
    )
    rate_burst_seconds: float = Field(10.0, gt=0, description="so much may come at once")
    trusted_proxies: list[str] = Field(
        default_factory=lambda: ["127.0.0.1", "::1"],
        description="peers whose X-Forwarded-For is believed",
    )
    shutdown_timeout_seconds: float = Field(30.0, description="to answer what was begun")
    min_free_disk_bytes: int = Field(512 * MIB, description="less free space: 503")


class WebSettings(_Group):
    """Where a web process listens."""

    host: str = "127.0.0.1"
    port: int


class DagsterSettings(_Group):
    """Ports of the code server and the (guarded) web server; cadence of the pipeline."""

    host: str = "127.0.0.1"
    webserver_port: int = 3000
    code_port: int = 4266
    landing_interval_seconds: int = Field(14, description="least time between two landing runs")
    allowed_hosts: list[str] = Field(
        default_factory=list, description="further Host names under which the UI may be opened"
    )


class PortSettings(_Group):
    """Preferred ports of embedded components; the next free one is taken where in use.

    0, here and for every port of an embedded component: any free one, the same at each start.
    """

    kafka: int = 9092
    kafka_controller: int = 9093
    clickhouse: int = 8123
    postgres: int = 5432
    valkey: int = 6379


class PipelineSettings(_Group):
    """Landing, cleaning and retention."""

    dedup_horizon_days: int = Field(30, ge=1)
    raw_retention_days: int = Field(90, ge=1)
    max_event_age_days: int = Field(3 * 365, ge=1, description="older events go to clean.failed")
    landing_range_bytes: int = Field(64 * MIB, description="body bytes of one landed range")
    landing_range_records: int = Field(20_000, ge=1)
    identity_component_limit: int = Field(
        200, ge=2, description="identifiers of one device; a larger component is cut"
    )


class AlertSettings(_Group):
    """Where failures are reported."""

    webhook_url: SecretStr = SecretStr("")


PORT_FIELDS = (
    ("ports", "kafka"),
    ("ports", "kafka_controller"),
    ("ports", "clickhouse"),
    ("ports", "postgres"),
    ("ports", "valkey"),
    ("collector", "port"),
    ("control_api", "port"),
    ("dagster", "code_port"),
    ("dagster", "webserver_port"),
)


class StackFileSource(PydanticBaseSettingsSource):
    """Reads `<home>/stack.json` and the secrets that `unmogrowp up` generated."""

    SECRETS = (
        ("clickhouse", "password", "clickhouse-pipeline"),
        ("clickhouse", "analyst_password", "clickhouse-analyst"),
        ("postgres", "password", "postgres"),
        ("redis", "password", "valkey"),
    )

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Satisfy the abstract base; `__call__` returns the whole mapping."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        """Return the nested mapping of what the running or last stack said."""
        home = home_folder()
        found: dict[str, Any] = {}
        stack_file = home / "stack.json"
        if stack_file.exists():
            try:
                found = dict(json.loads(stack_file.read_text())["settings"])
            except (ValueError, KeyError, TypeError) as error:
                raise ConfigurationError(
                    f"{stack_file} cannot be read ({error}); `unmogrowp up` writes it anew"
                ) from error
        for group, field, name in self.SECRETS:
            secret = home / "secrets" / name
            if secret.exists():
                found.setdefault(group, {})[field] = secret.read_text().strip()
        return found


class Settings(BaseSettings):
    """All settings of one installation."""

    model_config = SettingsConfigDict(
        env_prefix="UNMOGROWP_", env_nested_delimiter="__", extra="forbid"
    )

    home: Path = Path("var")
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    clickhouse: ClickHouseSettings = Field(default_factory=ClickHouseSettings)
    postgres: PostgresSettings = Field(default_factory=PostgresSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    collector: CollectorSettings = Field(default_factory=CollectorSettings)
    control_api: WebSettings = Field(default_factory=lambda: WebSettings(port=8081))
    dagster: DagsterSettings = Field(default_factory=DagsterSettings)
    ports: PortSettings = Field(default_factory=PortSettings)
    pipeline: PipelineSettings = Field(default_factory=PipelineSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the stack file behind the environment, so that a setting always wins."""
        del dotenv_settings, file_secret_settings
        return (init_settings, env_settings, StackFileSource(settings_cls))


def home_folder() -> Path:
    """Return the absolute data folder: `UNMOGROWP_HOME`, else `./var`."""
    return Path(os.environ.get("UNMOGROWP_HOME") or "var").absolute()


def cache_folder() -> Path:
    """Return where downloads are kept: `UNMOGROWP_CACHE`, else the user's own cache folder.

    It is not part of the data folder, so that wiping the data does not need the network again.
    """
    given = os.environ.get("UNMOGROWP_CACHE")
    if given:
        return Path(given).absolute()
    user_cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(user_cache) if user_cache else Path.home() / ".cache").absolute() / "unmogrowp"


class OperatorSettings(Settings):
    """The environment and defaults alone: what was asked for, whatever ran here before."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave the stack file out."""
        del settings_cls, dotenv_settings, file_secret_settings
        return (init_settings, env_settings)


def is_in_environment(group: str, field: str) -> bool:
    """Tell whether a setting was given in the environment, as pydantic reads it: in any case."""
    wanted = f"unmogrowp_{group}__{field}"
    return any(name.lower() == wanted for name in os.environ)


def load_settings(kind: type[Settings] = Settings) -> Settings:
    """Read all sources once.

    Raises:
        ConfigurationError: A value is malformed or unknown; the message names it, never its value.
    """
    from pydantic import ValidationError

    try:
        settings = kind()
    except ValidationError as error:
        faults = "; ".join(
            f"UNMOGROWP_{'__'.join(str(part).upper() for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"settings are not usable: {faults}") from error
    settings.home = home_folder()
    if kind is Settings:
        _fill_free_ports(settings)
    return settings


def _fill_free_ports(settings: Settings) -> None:
    """Replace ports given as 0, "any free one", by those that `unmogrowp up` found."""
    found = StackFileSource(Settings)()
    for group, field in PORT_FIELDS:
        values = getattr(settings, group)
        if getattr(values, field) == 0:
            setattr(values, field, found.get(group, {}).get(field, 0))
