"""`unmogrowp demo`: the whole product in one command, for somebody who has never seen it.

Every step is a command a person could type (`up`, `app create`, `sync`, `explain`, `down`); this
file only calls them in order and shows what came out. Interrupted at any point it can be started
again: the day and its message ids are written down before the first request is sent.
"""

import json
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from unmogrowp.audits.model import PRIMARY
from unmogrowp.clock import SystemClock
from unmogrowp.errors import PermanentError
from unmogrowp.settings import Settings, load_settings
from unmogrowp.simulator.demo_day import DemoDay, write_demo_day
from unmogrowp.simulator.send_demo_day import send_day
from unmogrowp.warehouse import named_queries
from unmogrowp.warehouse.client import Warehouse

APP_NAME = "Demo Runner"
SYNC_TIMEOUT_SECONDS = 240


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo", epilog="Example: unmogrowp demo --exit")(demo)


def demo(
    exit_after: bool = typer.Option(
        False,
        "--exit",
        help="Stop the stack after printing; exit code 0 only if everything reconciles.",
    ),
) -> None:
    """Start the stack, send a day in the life of a small app, and show what became of it."""
    console = Console()
    started_here = _up(console)
    is_good = False
    try:
        settings = load_settings()
        plan = _plan(settings.home)
        day = write_demo_day(plan["now_ms"])
        if plan["is_sent"]:
            console.print(f"The demo app [b]{plan['app_id']}[/b] has its day already.")
        else:
            _send(console, settings, plan, day)
        console.rule("Landing, attributing, auditing")
        synced = _command("sync", "--timeout", str(SYNC_TIMEOUT_SECONDS)) == 0
        is_good = _show(console, settings, plan, day) and synced
        if not exit_after:
            _wait(console)
    finally:
        if started_here:
            _command("down")
    if not is_good:
        console.print("[red]Something does not add up: see above.[/red]")
        raise typer.Exit(1)


def _command(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "cli.main", *arguments], check=False).returncode


def _up(console: Console) -> bool:
    """Start the stack; return whether this command is the one that has to stop it."""
    status = subprocess.run(
        [sys.executable, "-m", "cli.main", "status", "--json"],
        check=False,
        capture_output=True,
        text=True,
    )
    if status.returncode == 0:
        states = {part["state"] for part in json.loads(status.stdout)["components"]}
        if states <= {"running", "external"}:
            console.print("The stack is running already.")
            return False
    if _command("up", "--detach") != 0:
        raise typer.Exit(1)
    return True


def _plan(home: Path) -> dict[str, Any]:
    """Return the demo's app, key and instant, written down on first use (mode 0600)."""
    file = home / "secrets" / "demo.json"
    if file.exists():
        return dict(json.loads(file.read_text()))
    created = subprocess.run(
        [
            *(sys.executable, "-m", "cli.main", "app", "create", APP_NAME),
            *("--bundle-id", "com.example.runner", "--json"),
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    answer = json.loads(created.stdout)
    plan = {
        "app_id": answer["app_id"],
        "write_key": answer["write_key"],
        "now_ms": SystemClock().now_ms(),
        "is_sent": False,
    }
    _save(file, plan)
    return plan


def _save(file: Path, plan: dict[str, Any]) -> None:
    file.touch(mode=0o600)
    file.write_text(json.dumps(plan))


def _send(console: Console, settings: Settings, plan: dict[str, Any], day: DemoDay) -> None:
    console.rule("A day in the life of a small app")
    with Progress(
        TextColumn("sending events, clicks and impressions"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        task = progress.add_task("send", total=day.request_count)
        report = send_day(
            day,
            f"http://127.0.0.1:{settings.collector.port}",
            plan["app_id"],
            plan["write_key"],
            lambda count: progress.advance(task, count),
        )
    for surprise in report.surprises:
        console.print(f"[red]{surprise}[/red]")
    if report.surprises:
        raise PermanentError("the collector did not answer as it should")
    plan["is_sent"] = True
    _save(settings.home / "secrets" / "demo.json", plan)


def _show(console: Console, settings: Settings, plan: dict[str, Any], day: DemoDay) -> bool:
    warehouse = Warehouse.connect(
        settings.clickhouse.url,
        settings.clickhouse.analyst_user,
        settings.clickhouse.analyst_password.get_secret_value(),
        read_only=True,
    )
    try:
        found = _show_sources(console, warehouse, plan["app_id"], day)
        _show_decisions(console, warehouse, plan["app_id"], day)
        reconciled = _show_audit(console, warehouse)
    finally:
        warehouse.close()
    _show_places(console, settings)
    return found and reconciled


def _show_sources(console: Console, warehouse: Warehouse, app_id: str, day: DemoDay) -> bool:
    table = Table("media source", title="Installs by media source")
    table.add_column("installs", justify="right")
    table.add_column("as it was played", justify="right")
    rows = warehouse.named_rows("mart/installs_by_media_source", {"app_id": app_id})
    counted = {str(source): int(count) for source, count in rows}
    for source in sorted(
        set(counted) | set(day.expected_sources), key=lambda s: -counted.get(s, 0)
    ):
        is_same = counted.get(source, 0) == day.expected_sources[source]
        table.add_row(
            source,
            str(counted.get(source, 0)),
            f"{day.expected_sources[source]} {'[green]✓[/green]' if is_same else '[red]✗[/red]'}",
        )
    console.print(table)
    return counted == dict(day.expected_sources)


def _show_decisions(console: Console, warehouse: Warehouse, app_id: str, day: DemoDay) -> None:
    stories: dict[str, str] = {}
    for message_id, title in day.stories.items():
        stories.setdefault(title, message_id)
    for title, message_id in stories.items():
        rows = warehouse.rows(
            named_queries.load("mart/install_of_message"),
            {"app_id": app_id, "message_id": message_id},
        )
        if rows:
            console.rule(f"Why? {title[0].upper()}{title[1:]}", align="left")
            _command("explain", str(rows[0][0]))


def _show_audit(console: Console, warehouse: Warehouse) -> bool:
    table = Table("identity", title="Reconciliation of the last audit")
    for column in ("comparisons", "left", "right", "difference"):
        table.add_column(column, justify="right")
    rows = warehouse.named_rows("audit/last_reconciliation_summary", {"primary": PRIMARY})
    for identity, comparisons, left, right, difference in rows:
        colour = "green" if difference == 0 else "red"
        table.add_row(
            str(identity),
            str(comparisons),
            f"{left:f}".rstrip("0").rstrip("."),
            f"{right:f}".rstrip("0").rstrip("."),
            f"[{colour}]{difference.normalize():f}[/{colour}]",
        )
    console.print(table)
    failed = warehouse.named_rows("audit/failing_checks")
    for table_name, partition_key, check_name, observed in failed:
        console.print(
            f"[red]check failed:[/red] {table_name} {partition_key}: {check_name} ({observed})"
        )
    if not failed:
        console.print("Every quality check passed.")
    return bool(rows) and all(row[4] == 0 for row in rows) and not failed


def _show_places(console: Console, settings: Settings) -> None:
    table = Table.grid(padding=(0, 2))
    ui = f"http://127.0.0.1:{settings.dagster.webserver_port}"
    for name, place in (
        ("Dagster UI", ui),
        ("Collector", f"http://127.0.0.1:{settings.collector.port}"),
        (
            "ClickHouse",
            f"{settings.clickhouse.url}  (user analyst, password in "
            f"{settings.home / 'secrets' / 'clickhouse-analyst'})",
        ),
        ("Audit report", str(settings.home / "reports" / "latest.html")),
        ("Ask a question", 'unmogrowp sql "SELECT * FROM mart.attributed_installs LIMIT 5"'),
    ):
        table.add_row(name, place)
    console.print(table, soft_wrap=True)


def _wait(console: Console) -> None:
    console.print("\nThe stack stays up. [b]Ctrl-C[/b] stops it.")
    stop = Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    stop.wait()
