"""Sends a market that lies in a folder through the collector, with a progress bar."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import TimeRemainingColumn
from rich.table import Table

from cli.progress import counted
from unmogrowp.clock import SystemClock
from unmogrowp.control.private_files import write_private
from unmogrowp.errors import ConfigurationError
from unmogrowp.settings import Settings, load_settings
from unmogrowp.simulator.folder import REQUESTS, read_manifest
from unmogrowp.simulator.replay import read_requests
from unmogrowp.simulator.sender import Sender, Totals
from unmogrowp.simulator.sent import SentSoFar

# A new key is known to every collector within this time.
KEY_SECONDS = 5.0


def send_folder(
    folder: Path,
    *,
    app_id: str,
    write_key: str,
    url: str,
    rate: float,
    connections: int,
    again: bool,
    as_json: bool,
) -> None:
    """Send what is left of a folder; exit code 1 where the collector refused something."""
    manifest = read_manifest(folder)
    settings = load_settings()
    if app_id and not write_key:
        raise ConfigurationError(
            f"the write key of {app_id} is missing: put it into UNMOGROWP_WRITE_KEY, "
            "or leave --app-id out and an app is made for this market"
        )
    if not app_id:
        app_id, write_key = app_of_market(settings, manifest)
    url = url or f"http://127.0.0.1:{settings.collector.port}"
    total = int(manifest["files"][REQUESTS]["rows"])
    sent = SentSoFar(folder, app_id)
    begin = 0 if again else min(sent.count, total)
    console = Console(stderr=True, quiet=as_json)
    sender = Sender(url, app_id, write_key, SystemClock(), rate=rate, connections=connections)
    started = time.monotonic()
    progress = counted(console)
    progress.columns = (*progress.columns, TimeRemainingColumn())
    with progress:
        task = progress.add_task("sending requests", total=total, completed=begin)
        done = begin

        def finished(count: int) -> None:
            nonlocal done
            done += count
            if not again:
                sent.set(done)
            progress.update(task, completed=done)

        totals = sender.send(read_requests(folder, skip=begin), finished)
    seconds = time.monotonic() - started
    if as_json:
        typer.echo(json.dumps(_as_record(app_id, begin, totals, seconds)))
    else:
        _show(Console(), app_id, begin, totals, seconds)
    if not totals.is_clean:
        raise typer.Exit(1)


def app_of_market(settings: Settings, manifest: dict[str, Any]) -> tuple[str, str]:
    """Return app and key of a market, made on first use: the same market meets the same app.

    They lie in `<home>/secrets/simulated.json` (mode 0600).
    """
    file = settings.home / "secrets" / "simulated.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    name = (
        "-".join(str(manifest[part]) for part in ("shape", "seed", "users", "days"))
        + f"-{manifest['end'][:10]}"
    )
    if name not in known:
        created = subprocess.run(
            [*(sys.executable, "-m", "cli.main", "app", "create", f"Simulated {name}"), "--json"],
            check=False,
            stdout=subprocess.PIPE,
            text=True,
        )
        if created.returncode != 0:
            raise ConfigurationError(
                "no app could be made: is the stack up (`unmogrowp up`)? "
                "Or name one with --app-id and UNMOGROWP_WRITE_KEY"
            )
        answer = json.loads(created.stdout)
        known[name] = {"app_id": answer["app_id"], "write_key": answer["write_key"]}
        file.parent.mkdir(parents=True, exist_ok=True)
        write_private(file, json.dumps(known))
        time.sleep(KEY_SECONDS)
    return str(known[name]["app_id"]), str(known[name]["write_key"])


def _as_record(app_id: str, begin: int, totals: Totals, seconds: float) -> dict[str, Any]:
    return {
        "app_id": app_id,
        "sent_before": begin,
        "requests": totals.requests,
        "accepted_items": totals.accepted_items,
        "rejected_items": totals.rejected_items,
        "refused_requests": dict(totals.refused),
        "asked_to_wait": dict(totals.waits),
        "seconds": round(seconds, 3),
    }


def _show(console: Console, app_id: str, begin: int, totals: Totals, seconds: float) -> None:
    if begin and not totals.requests:
        console.print(
            f"Everything is sent to {app_id} already; --again sends it once more (that gives"
            " copies, not new installs)."
        )
        return
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_row("requests answered", f"{totals.requests:,}")
    if begin:
        table.add_row("sent before", f"{begin:,}")
    table.add_row("items accepted", f"{totals.accepted_items:,}")
    table.add_row("items rejected", f"{totals.rejected_items:,}")
    for status, count in sorted(totals.refused.items()):
        table.add_row(f"requests refused with {status}", f"[red]{count:,}[/red]")
    for status, count in sorted(totals.waits.items()):
        what = f"asked to wait with {status}" if status else "no answer, sent again"
        table.add_row(what, f"{count:,}")
    table.add_row("requests per second", f"{totals.requests / max(seconds, 0.001):,.0f}")
    console.print(table)
    for reason in totals.reasons:
        console.print(f"[red]✗[/red] {reason}", soft_wrap=True, highlight=False)
    console.print(f"App {app_id}. Next: unmogrowp sync", soft_wrap=True)
