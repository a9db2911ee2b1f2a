"""What the zygote imports once, so that no run has to: `orchestration.zygote` names this module.

Nothing here connects, opens a file that stays open, or starts a thread: all of it would be shared
by every run. What cannot be imported is left to the run, which then fails with the reason.
"""

import gc
import importlib
import logging

_MODULES = (
    "dagster._grpc.impl",
    "dagster_postgres",
    "psycopg2",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "clickhouse_connect.driver.httpclient",
    "clickhouse_connect.cc_sqlalchemy",
    "kafka",
    "orchestration.definitions",
    "orchestration.zygote",
    # 4 s and 170 MB, which every run of marts and audits would pay by itself.
    "great_expectations.expectations",
)


def preload() -> None:
    """Import, resolve the definitions, and keep the collector of garbage off the shared pages."""
    for name in _MODULES:
        try:
            importlib.import_module(name)
        except Exception:
            logging.getLogger(__name__).exception("%s is left to the runs", name)
    gc.collect()
    gc.freeze()


preload()
