"""Dagster's PostgreSQL storage, with connections that are kept.

Dagster opens and closes a connection for each statement, because every instance of it, and each
tick makes one, would hold connections of its own: an idle stack opened 19 a second, and a run one
for each of its events. Here all instances of a process share a few. One that died with PostgreSQL
is replaced before it is used.
"""

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import (
    create_pg_engine,
    get_token_provider_from_config,
    pg_url_from_config,
    retry_pg_connection_fn,
)
from sqlalchemy import Engine, inspect

if TYPE_CHECKING:
    from dagster._core.storage.config import PostgresStorageConfig
    from dagster._serdes import ConfigurableClassData

# Threads beyond those kept open wait for nothing: they get a connection that is closed after use.
_KEPT = 3
_MORE = 30
_RECYCLE_S = 600
_TABLES = frozenset({"runs", "instance_info", "event_logs", "jobs"})

_LOCK = threading.Lock()
# A connection must not be used by a process that was forked later.
_ENGINES: dict[tuple[int, str], Engine] = {}


class PooledPostgresStorage(DagsterPostgresStorage):
    """The same tables and statements through the engine of the process."""

    def __init__(self, postgres_url: str, *arguments: Any, **options: Any) -> None:
        engine = engine_of_process(postgres_url, options.get("token_provider"))
        if options.get("should_autocreate_tables", True):
            found = retry_pg_connection_fn(lambda: inspect(engine).get_table_names())
            options["should_autocreate_tables"] = not _TABLES.issubset(found)
        super().__init__(postgres_url, *arguments, **options)
        for part in (self._run_storage, self._event_log_storage, self._schedule_storage):
            part._engine = engine

    @classmethod
    def from_config_value(
        cls, inst_data: "ConfigurableClassData | None", config_value: Mapping[str, Any]
    ) -> Self:
        """Read the entry of `dagster.yaml`, which takes what `storage.postgres` takes."""
        return cls(
            pg_url_from_config(cast("PostgresStorageConfig", config_value)),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
            token_provider=get_token_provider_from_config(config_value),
        )


def engine_of_process(postgres_url: str, token_provider: Any = None) -> Engine:
    """Return the one engine of this process for an address."""
    key = (os.getpid(), postgres_url)
    with _LOCK:
        if key not in _ENGINES:
            _ENGINES[key] = create_pg_engine(
                postgres_url,
                token_provider,
                isolation_level="AUTOCOMMIT",
                pool_size=_KEPT,
                max_overflow=_MORE,
                pool_pre_ping=True,
                pool_recycle=_RECYCLE_S,
            )
        return _ENGINES[key]
