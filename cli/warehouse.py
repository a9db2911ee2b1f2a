"""Commands about the warehouse: its schema, questions in SQL, and what landing stands at."""

import json
import re
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.clickhouse import connect
from unmogrowp.clock import SystemClock
from unmogrowp.contracts.topics import Topic
from unmogrowp.control.locks import pipeline_lock
from unmogrowp.errors import ConfigurationError
from unmogrowp.landing.gaps import accept_gap, find_gaps
from unmogrowp.landing.lag import lag
from unmogrowp.settings import Settings, load_settings
from unmogrowp.stream.kafka_connection import KafkaConnection
from unmogrowp.stream.kafka_reader import KafkaReader
from unmogrowp.warehouse.migrator import Migrator

_HAS_FORMAT = re.compile(r"\bFORMAT\s+[A-Za-z]+\s*;?\s*$", re.IGNORECASE)
_ROWS_SHOWN = 1_000

landing_app = typer.Typer(help="What landing stands at, and gaps in the stream.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("migrate")(migrate)
    app.command("sql")(sql)
    app.add_typer(landing_app, name="landing", no_args_is_help=True)


def migrate(
    down_to: Annotated[
        int | None,
        typer.Option(help="Revert every migration above this number. DROPS TABLES WITH THEIR ROWS"),
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before reverting")] = False,
) -> None:
    """Bring the schema of the warehouse to what this version needs.

    Example: unmogrowp migrate
    """
    settings = load_settings()
    migrator = Migrator(connect(settings), cluster=settings.clickhouse.cluster)
    if down_to is None:
        done = migrator.up()
        print(f"applied: {_numbers(done)}" if done else f"nothing to do, at {migrator.newest:04d}")
        return
    if not yes:
        typer.confirm(f"Revert all migrations above {down_to:04d} and lose their rows?", abort=True)
    print(f"reverted: {_numbers(migrator.down(down_to))}")


def sql(
    query: Annotated[str, typer.Argument(help="One statement; its own FORMAT wins")],
    *,
    as_pipeline: Annotated[
        bool, typer.Option("--as-pipeline", help="With the account that may write")
    ] = False,
) -> None:
    """Ask the warehouse, as the read-only analyst: a table for people, or the query's own FORMAT.

    Example: unmogrowp sql "SELECT media_source, count() FROM mart.attributed_installs GROUP BY 1"
    """
    warehouse = connect(load_settings(), as_analyst=not as_pipeline)
    if _HAS_FORMAT.search(query):
        for chunk in warehouse.stream(query):
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
        return
    frame_names, rows = warehouse.named_columns(query)
    table = Table(*frame_names)
    for row in rows[:_ROWS_SHOWN]:
        table.add_row(*(_cell(value) for value in row))
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)
    if len(rows) > _ROWS_SHOWN:
        console.print(f"the first {_ROWS_SHOWN} of {len(rows)} rows; add a FORMAT to see all")
    else:
        console.print(f"{len(rows)} row{'' if len(rows) == 1 else 's'}")


@landing_app.command("status")
def status(
    *, as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False
) -> None:
    """Show, per partition, what is landed, what waits and what was lost.

    Example: unmogrowp landing status
    """
    settings = load_settings()
    reader = _reader(settings)
    entries = lag(connect(settings), reader)
    reader.close()
    if as_json:
        fields = ("topic", "partition", "landed_end", "begin", "end", "offsets_behind")
        values = [
            {name: getattr(entry, name) for name in (*fields, "lost_offsets", "is_open")}
            for entry in entries
        ]
        print(json.dumps({"partitions": values}))
        return
    table = Table("topic", "partition", "landed to", "stream ends at", "behind", "lost", "state")
    for entry in entries:
        state = "gap: accept it to go on" if entry.lost_offsets else ""
        state = "a range waits for its repeat" if entry.is_open else state
        table.add_row(
            entry.topic,
            str(entry.partition),
            str(entry.landed_end),
            str(entry.end),
            str(entry.offsets_behind),
            str(entry.lost_offsets),
            state,
        )
    Console().print(table)


@landing_app.command("accept-gap")
def accept(
    topic: Annotated[Topic, typer.Argument(help="Topic of the gap")],
    partition: Annotated[int, typer.Argument(min=0)],
    reason: Annotated[str, typer.Option(help="Why it was lost; stays in the reconciliation")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Go on without records that the stream removed before they were landed.

    They are lost; the reconciliation names them from now on.
    Example: unmogrowp landing accept-gap events.v1 0 --reason "disk full on 12 May"
    """
    settings = load_settings()
    warehouse, reader = connect(settings), _reader(settings)
    gaps = [g for g in find_gaps(warehouse, reader) if (g.topic, g.partition) == (topic, partition)]
    for gap in gaps:
        print(f"lost: {gap}, {gap.end - gap.start} offsets")
    if gaps and not yes:
        typer.confirm("Go on without them?", abort=True)
    postgres = settings.postgres
    with pipeline_lock(postgres.url, postgres.password.get_secret_value()):
        accepted = accept_gap(warehouse, reader, SystemClock(), str(topic), partition, reason)
    reader.close()
    print(f"accepted: {accepted.gap}")


def _reader(settings: Settings) -> KafkaReader:
    kafka = settings.kafka
    if not kafka.bootstrap_servers:
        raise ConfigurationError("no stream is known: start the stack with `unmogrowp up`")
    return KafkaReader(
        KafkaConnection(
            kafka.bootstrap_servers,
            kafka.security_protocol,
            kafka.sasl_mechanism,
            kafka.sasl_username,
            kafka.sasl_password.get_secret_value(),
            kafka.ssl_ca_file,
        )
    )


def _numbers(numbers: list[int]) -> str:
    return ", ".join(f"{number:04d}" for number in numbers)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
