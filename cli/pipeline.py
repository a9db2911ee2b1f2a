"""`unmogrowp sync`: everything that had been acknowledged becomes visible, proven, or named."""

import json
import time
import uuid
from contextlib import closing
from dataclasses import asdict

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.dagster_client import DagsterClient
from cli.syncing import Outcome, Sync, Tell, end_offsets
from unmogrowp.clock import SystemClock, utc
from unmogrowp.errors import ConfigurationError, UnmogrowpError
from unmogrowp.landing.options import LANDED_TOPICS
from unmogrowp.settings import Settings, load_settings
from unmogrowp.stream.collector_control import request_reports
from unmogrowp.stream.kafka_reader import KafkaReader
from unmogrowp.warehouse.client import Warehouse

# The audit job refuses to look further back.
MAX_AUDITED_DAYS = 400


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sync", epilog="Example: unmogrowp sync --timeout 300")(sync)


def sync(
    timeout: float = typer.Option(
        600.0, "--timeout", metavar="S", min=1.0, help="Give up after this many seconds."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object and nothing else."),
) -> None:
    """Land, build and reconcile everything that was acknowledged before now.

    Exit code 0 only when every difference is zero and every check passed.
    """
    settings = load_settings()
    if not settings.clickhouse.url or not settings.kafka.bootstrap_servers:
        raise ConfigurationError("there is no stack in this data folder: `unmogrowp up` first")
    console = Console(stderr=True, quiet=as_json)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task("asking the collectors", total=4.0)
        step = [0]

        def tell(what: str, share: float) -> None:
            progress.update(task, description=what, completed=step[0] + max(share, 0.0))

        outcome = _synchronise(settings, timeout, tell, step)
    if as_json:
        typer.echo(json.dumps(_as_record(outcome)))
    else:
        _show(Console(), settings, outcome)
    if not outcome.is_ok:
        raise typer.Exit(1)


def _synchronise(settings: Settings, timeout: float, tell: Tell, step: list[int]) -> Outcome:
    received_before_ms = SystemClock().now_ms()
    deadline = time.monotonic() + timeout
    outcome = Outcome(received_before_ms, f"sync-{uuid.uuid4().hex[:12]}")
    warehouse = Warehouse.connect(
        settings.clickhouse.url,
        settings.clickhouse.user,
        settings.clickhouse.password.get_secret_value(),
        {"by": "sync"},
    )
    with closing(warehouse), closing(KafkaReader(settings.kafka.connection())) as reader:
        dagster = DagsterClient(f"http://{settings.dagster.host}:{settings.dagster.webserver_port}")
        work = Sync(warehouse, reader, dagster, deadline=deadline, tell=tell)
        try:
            request_reports(
                settings.home / "run" / "collector", received_before_ms, min(timeout, 30.0)
            )
            ends = end_offsets(reader, [str(topic) for topic in LANDED_TOPICS])
            step[0] = 1
            work.land(ends, outcome)
            step[0] = 2
            work.build(outcome)
            work.share_out(outcome)
            step[0] = 3
            work.audit(min(settings.pipeline.raw_retention_days, MAX_AUDITED_DAYS) * 24, outcome)
        except UnmogrowpError as error:
            outcome.is_aborted = True
            outcome.faults.append(f"{type(error).__name__}: {error}")
    return outcome


def _as_record(outcome: Outcome) -> dict[str, object]:
    return {
        "ok": outcome.is_ok,
        "received_before": utc(outcome.received_before_ms).isoformat(),
        "audit_id": outcome.audit_id,
        "built_days": [day.isoformat() for day in sorted(outcome.built_days)],
        "identities": [asdict(one) for one in outcome.identities],
        "runs": [asdict(run) for run in outcome.runs],
        "faults": outcome.faults,
    }


def _show(console: Console, settings: Settings, outcome: Outcome) -> None:
    table = Table(title=f"Everything received before {utc(outcome.received_before_ms):%F %T} UTC")
    for name in ("identity", "of"):
        table.add_column(name, no_wrap=True)
    for name in ("comparisons", "left", "right", "difference"):
        table.add_column(name, justify="right")
    for one in outcome.identities:
        colour = "red" if one.differences else "green"
        table.add_row(
            one.identity,
            one.scope,
            f"{one.comparisons:,}",
            f"{one.left:,}",
            f"{one.right:,}",
            f"[{colour}]{one.differences:,}[/{colour}]",
        )
    if outcome.identities:
        console.print(table)
    for fault in outcome.faults:
        console.print(f"[red]✗[/red] {fault}", soft_wrap=True, highlight=False)
    url = f"http://{settings.dagster.host}:{settings.dagster.webserver_port}/runs"
    spent = sum(run.seconds for run in outcome.runs)
    console.print(f"{len(outcome.runs)} runs, {spent:.1f} s: {url}", soft_wrap=True)
    report = settings.home / "reports" / f"{outcome.audit_id}.html"
    if report.exists():
        console.print(f"Report: {report}", soft_wrap=True)
    if outcome.is_ok:
        console.print("[green]✓[/green] every difference is zero and every check passed")
