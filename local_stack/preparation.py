"""What must be done once the databases answer: databases, schemas, topics. Each can be repeated."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from local_stack import postgres, probes
from unmogrowp.settings import Settings


@dataclass(frozen=True)
class Preparation:
    """One step between a component and those that need it."""

    name: str
    after: tuple[str, ...]
    does: str
    run: Callable[[Settings], None]


def _create_databases(settings: Settings) -> None:
    urls = (settings.postgres.url, settings.postgres.dagster_url)
    names = dict.fromkeys(urlsplit(url).path.lstrip("/") for url in urls)
    password = settings.postgres.password.get_secret_value()
    postgres.ensure_databases(settings.postgres.url, password, names)


def _upgrade_control(settings: Settings) -> None:
    from unmogrowp.control.database import upgrade

    upgrade(settings.postgres.url, settings.postgres.password.get_secret_value())


def _create_topics(settings: Settings) -> None:
    from unmogrowp.stream.kafka_admin import TopicOptions, ensure_topics

    ensure_topics(
        probes.kafka_connection(settings),
        TopicOptions(
            partitions=settings.kafka.events_partitions,
            replication_factor=settings.kafka.replication_factor,
            retention_hours=settings.kafka.retention_hours,
        ),
    )


def _migrate_warehouse(settings: Settings) -> None:
    from unmogrowp.warehouse.client import Warehouse
    from unmogrowp.warehouse.migrator import Migrator

    warehouse = Warehouse.connect(
        settings.clickhouse.url,
        settings.clickhouse.user,
        settings.clickhouse.password.get_secret_value(),
    )
    try:
        Migrator(warehouse, cluster=settings.clickhouse.cluster).up()
    finally:
        warehouse.close()


PREPARATIONS = (
    Preparation("databases", ("postgres",), "creates databases", _create_databases),
    Preparation("control-schema", ("databases",), "migrates PostgreSQL", _upgrade_control),
    Preparation("topics", ("kafka",), "creates topics", _create_topics),
    Preparation("warehouse-schema", ("clickhouse",), "migrates ClickHouse", _migrate_warehouse),
)
