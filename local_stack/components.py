"""The nine components: what each needs, where it listens, how it is asked, how it is stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version as installed_version

from local_stack import kafka, postgres, probes, valkey
from local_stack.data_folder import DataFolder
from local_stack.ports import LOOPBACK
from local_stack.process_records import ProcessRecords
from local_stack.supervision import Program
from unmogrowp.settings import Settings

# Listening on all addresses means being asked on the local one.
_WILDCARDS = ("0.0.0.0", "::", "")  # nosec B104 - compared with, not bound to


@dataclass(frozen=True)
class Component:
    """One component of the stack.

    `after` names what must be ready before `up` starts it; `restart_needs` what its launcher waits
    for when the supervisor restarts it (a collector must come back while PostgreSQL is away).
    """

    name: str
    program: Program
    after: tuple[str, ...]
    port: Callable[[Settings], int | None]
    url: Callable[[Settings], str | None]
    version: Callable[[Settings], str | None]
    is_ready: Callable[[Settings, DataFolder], bool]
    restart_needs: tuple[str, ...] = ()
    ends_own_leftovers: bool = True


def _port_of(url: str) -> int | None:
    tail = url.partition("://")[2].partition("/")[0].rpartition(":")[2]
    return int(tail) if tail.isdigit() else None


def _web(host: str, port: int) -> str:
    return f"http://{LOOPBACK if host in _WILDCARDS else host}:{port}"


def _kafka_port(settings: Settings) -> int | None:
    last = settings.kafka.bootstrap_servers.split(",")[0].rpartition(":")[2]
    return int(last) if last.isdigit() else None


def _daemon_is_ready(settings: Settings, home: DataFolder) -> bool:
    record = ProcessRecords(home.root).read("dagster-daemon")
    return record is not None and probes.dagster_daemon_is_ready(
        settings.postgres.dagster_url,
        settings.postgres.password.get_secret_value(),
        record.created_at,
    )


def _project(_: Settings) -> str:
    return installed_version("unmogrowp")


def _dagster(_: Settings) -> str:
    return installed_version("dagster")


COMPONENTS = (
    Component(
        name="kafka",
        program=Program("kafka", stop_seconds=30),
        after=(),
        port=_kafka_port,
        url=lambda s: f"kafka://{s.kafka.bootstrap_servers}",
        version=lambda _: kafka.VERSION,
        is_ready=lambda s, _: probes.kafka_is_ready(probes.kafka_connection(s)),
    ),
    Component(
        name="clickhouse",
        program=Program("clickhouse", stop_seconds=30),
        after=(),
        port=lambda s: _port_of(s.clickhouse.url),
        url=lambda s: s.clickhouse.url,
        version=lambda s: probes.clickhouse_version(
            s.clickhouse.url, s.clickhouse.user, s.clickhouse.password.get_secret_value()
        ),
        is_ready=lambda s, _: probes.clickhouse_is_ready(
            s.clickhouse.url, s.clickhouse.user, s.clickhouse.password.get_secret_value()
        ),
    ),
    Component(
        name="postgres",
        # SIGINT: clients are sent away, the shutdown is clean. It stops its own children.
        program=Program("postgres", stop_signal="INT", stop_seconds=30, signals_group=False),
        after=(),
        port=lambda s: _port_of(s.postgres.url),
        url=lambda s: s.postgres.url.replace("+psycopg2", ""),
        version=lambda _: postgres.VERSION,
        is_ready=lambda s, _: probes.postgres_is_ready(
            s.postgres.url, s.postgres.password.get_secret_value()
        ),
    ),
    Component(
        name="valkey",
        program=Program("valkey"),
        after=(),
        port=lambda s: _port_of(s.redis.url),
        url=lambda s: s.redis.url,
        version=lambda _: valkey.VERSION,
        is_ready=lambda s, _: probes.valkey_is_ready(
            s.redis.url, s.redis.password.get_secret_value()
        ),
    ),
    Component(
        name="collector",
        program=Program("collector", stop_seconds=40),
        after=("topics", "control-schema", "valkey"),
        port=lambda s: s.collector.port,
        url=lambda s: _web(s.collector.host, s.collector.port),
        version=_project,
        is_ready=lambda s, _: probes.http_is_ready(
            f"{_web(s.collector.host, s.collector.port)}/v1/health/ready"
        ),
    ),
    Component(
        name="control-api",
        program=Program("control-api"),
        after=("control-schema",),
        port=lambda s: s.control_api.port,
        url=lambda s: _web(s.control_api.host, s.control_api.port),
        version=_project,
        is_ready=lambda s, _: probes.http_is_ready(
            f"{_web(s.control_api.host, s.control_api.port)}/v1/health/ready"
        ),
    ),
    Component(
        name="dagster-code",
        program=Program("dagster-code"),
        after=("databases",),
        port=lambda s: s.dagster.code_port,
        url=lambda s: f"grpc://{LOOPBACK}:{s.dagster.code_port}",
        version=_dagster,
        is_ready=lambda s, _: probes.dagster_code_is_ready(LOOPBACK, s.dagster.code_port),
        restart_needs=("postgres",),
        # A run in the middle of a step outlives a killed code server and ends well.
        ends_own_leftovers=False,
    ),
    Component(
        name="dagster-daemon",
        program=Program("dagster-daemon"),
        after=("dagster-code", "topics", "warehouse-schema", "control-schema"),
        port=lambda _: None,
        url=lambda _: None,
        version=_dagster,
        is_ready=_daemon_is_ready,
        restart_needs=("postgres",),
    ),
    Component(
        name="dagster-webserver",
        program=Program("dagster-webserver"),
        after=("dagster-code",),
        port=lambda s: s.dagster.webserver_port,
        url=lambda s: _web(s.dagster.host, s.dagster.webserver_port),
        version=_dagster,
        is_ready=lambda s, _: probes.http_is_ready(
            f"{_web(s.dagster.host, s.dagster.webserver_port)}/server_info"
        ),
        restart_needs=("postgres",),
    ),
)
NAMES = tuple(component.name for component in COMPONENTS)


def component(name: str) -> Component:
    """Return a component by name."""
    return COMPONENTS[NAMES.index(name)]
