"""`unmogrowp up | down | status | logs | reset`: the embedded stack for people and scripts."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table

from cli import log_files
from local_stack import lifecycle, memory
from local_stack.components import NAMES
from local_stack.data_folder import DataFolder
from local_stack.starting import StepState
from local_stack.status import ComponentStatus, stack_status
from local_stack.supervision import SUPERVISOR, Supervisor
from unmogrowp.errors import ConfigurationError
from unmogrowp.settings import home_folder

NOT_READY = 3
COLOURS = {
    "running": "green",
    "external": "yellow",
    "starting": "yellow",
    "orphaned": "magenta",
    "failed": "red",
    "stopped": "dim",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="Examples: unmogrowp up   ·   unmogrowp up --detach   ·   unmogrowp up --only kafka"
    )(up)
    app.command(epilog="Example: unmogrowp down")(down)
    app.command(epilog="Examples: unmogrowp status   ·   unmogrowp status --json")(status)
    app.command(epilog="Examples: unmogrowp logs collector   ·   unmogrowp logs kafka -f")(logs)
    app.command(epilog="Example: unmogrowp down && unmogrowp reset --yes")(reset)


def _home() -> DataFolder:
    return DataFolder(home_folder().resolve())


def _console() -> Console:
    """Return a console; where no terminal says how wide it is, wide enough for our tables."""
    console = Console()
    return console if console.is_terminal else Console(width=130)


def up(
    detach: bool = typer.Option(
        False, "--detach", "-d", help="Return when everything is ready and leave it running."
    ),
    only: list[str] = typer.Option(
        [], "--only", metavar="NAME", help="Start this component and what it needs; repeatable."
    ),
) -> None:
    """Start the whole stack: Kafka, ClickHouse, PostgreSQL, Valkey, collector, Dagster.

    Stays until Ctrl-C and then stops everything, unless told to detach. Data lies in ./var or in
    the folder UNMOGROWP_HOME. A component whose address is set in the environment
    (UNMOGROWP_KAFKA__BOOTSTRAP_SERVERS, UNMOGROWP_CLICKHOUSE__URL, UNMOGROWP_POSTGRES__URL,
    UNMOGROWP_REDIS__URL) is used and not started.
    """
    console = _console()
    home = _home()
    was_ready = False
    with _stop_signals_as_interrupts():
        try:
            _start(console, home, only)
            was_ready = True
            console.print(_table(stack_status(home), home))
            if detach:
                console.print("Stop it with [b]unmogrowp down[/b].")
                return
            console.print("Press Ctrl-C to stop everything.")
            _stay(console, home, only)
        except KeyboardInterrupt:
            # In one block with the start: an interrupt between two lines must not leave it running.
            console.print("Stopping …")
    lifecycle.down(home)
    console.print("Everything is stopped.")
    if not was_ready:
        raise typer.Exit(130)


def _start(console: Console, home: DataFolder, only: list[str]) -> None:
    console.print(f"Data folder: [b]{home.root}[/b]", soft_wrap=True)
    began = time.monotonic()
    with Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        view = _View(console, progress)
        listener = lifecycle.Listener(view.say, view.step, view.download)
        lifecycle.up(home, listener, only)
    console.print(f"Everything is ready after {time.monotonic() - began:.0f} s.")


class _View:
    """Progress per component: moving lines on a terminal, one line each elsewhere."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def say(self, sentence: str) -> None:
        """Print a sentence as it is: paths in it are not broken into lines."""
        self._console.print(sentence, soft_wrap=True, markup=False, highlight=False)

    def step(self, name: str, state: StepState, seconds: float) -> None:
        """Show that a component began or is ready."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=None, note="")
        if state == "ready":
            note = f"ready after {seconds:.1f} s"
            self._progress.update(self._tasks[name], total=1, completed=1, note=note)
            if not self._console.is_terminal:
                self._console.print(f"{name} {note}")

    def download(self, done: int, total: int) -> None:
        """Show how much of Kafka has come."""
        name = "downloading Kafka"
        if name not in self._tasks:
            if not self._console.is_terminal:
                self._console.print(f"{name}: {total / 1e6:.0f} MB")
            self._tasks[name] = self._progress.add_task(name, total=total, note="")
        note = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
        self._progress.update(self._tasks[name], completed=done, note=note)


@contextmanager
def _stop_signals_as_interrupts() -> Iterator[None]:
    """Let SIGTERM and a closed terminal stop the stack as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # SIGINT too: a shell starts background jobs with it ignored.
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stay(console: Console, home: DataFolder, only: list[str]) -> None:
    """Wait for Ctrl-C; a supervisor that was killed is replaced, one that was stopped is not."""
    supervisor = Supervisor(home)
    wait = threading.Event()
    while True:
        if supervisor.pid() is None:
            if not home.supervisor_socket.exists():
                console.print("The stack was stopped by `unmogrowp down`.")
                raise typer.Exit
            console.print("The supervisor was killed; starting again.")
            _start(console, home, only)
        wait.wait(1)


def down() -> None:
    """Stop the stack and whatever an interrupted one left behind."""
    console = _console()
    home = _home()
    was_running = Supervisor(home).pid() is not None
    left = lifecycle.down(home)
    if left:
        console.print(f"Ended what was no longer supervised: {', '.join(left)}.")
    console.print("Everything is stopped." if was_running or left else "Nothing was running.")


def status(
    as_json: bool = typer.Option(False, "--json", help="Print JSON for programs."),
    check: bool = typer.Option(
        False, "--check", help=f"Exit with {NOT_READY} unless every component is ready."
    ),
) -> None:
    """Show every component: its state, process, address and version. `running` means ready."""
    home = _home()
    rows = stack_status(home)
    if as_json:
        typer.echo(json.dumps({"components": [row.to_json() for row in rows]}, indent=2))
    else:
        _console().print(_table(rows, home))
    if check and any(row.state != "running" for row in rows):
        raise typer.Exit(NOT_READY)


def _table(rows: list[ComponentStatus], home: DataFolder) -> Table:
    table = Table(title=f"Stack of {home.root}", title_justify="left")
    for heading in ("component", "state", "pid", "address", "version", "memory"):
        is_number = heading in ("pid", "memory")
        table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
    used = memory.by_component(home)
    for row in rows:
        mib = used.get(row.name)
        table.add_row(
            row.name,
            f"[{COLOURS[row.state]}]{row.state}[/]",
            str(row.pid or ""),
            row.url or "",
            row.version or "",
            f"{mib:.0f} MiB" if mib is not None else "",
        )
    return table


def logs(
    name: str = typer.Argument(..., help=f"One of: {', '.join((*NAMES, SUPERVISOR))}."),
    follow: bool = typer.Option(False, "--follow", "-f", help="Go on printing what is written."),
    lines: int = typer.Option(100, "--lines", "-n", min=0, help="How many of the last lines."),
) -> None:
    """Print the end of a component's log."""
    if name not in (*NAMES, SUPERVISOR):
        raise ConfigurationError(f"there is no component {name!r}; there are {', '.join(NAMES)}")
    file = _home().log(name)
    if not file.exists():
        raise ConfigurationError(f"{name} has no log yet: {file} does not exist")
    try:
        for line in log_files.tail(file, lines, follow=follow):
            typer.echo(line)
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        # `unmogrowp logs kafka | head`: the reader has what it wanted.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def reset(
    yes: bool = typer.Option(False, "--yes", help="Really delete; there is no way back."),
) -> None:
    """Delete everything received, computed and configured. The stack must be stopped."""
    home = _home()
    if not yes:
        typer.echo(f"This would delete everything in {home.root}. Say so with --yes.", err=True)
        raise typer.Exit(2)
    deleted: list[Path] = lifecycle.reset(home)
    typer.echo("\n".join(f"deleted {folder}" for folder in deleted) or "There was nothing.")
