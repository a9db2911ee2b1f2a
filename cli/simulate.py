"""`unmogrowp simulate`: a whole market with a known truth, as files or to the collector."""

import json
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.progress import counted
from cli.simulate_send import send_folder
from unmogrowp.clock import SystemClock
from unmogrowp.errors import ConfigurationError
from unmogrowp.simulator.folder import Written, prepare_folder, write_market
from unmogrowp.simulator.generate import play
from unmogrowp.simulator.market import Market
from unmogrowp.simulator.shapes import MATURE_APP, SHAPES, shape

DAY_MS = 86_400_000

simulate_commands = typer.Typer(invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(simulate_commands, name="simulate")


EXAMPLES = """Examples:

unmogrowp simulate --users 2000 --days 14 --out market

unmogrowp simulate --shape fraud_heavy_launch --seed 7 --users 20000 --out launch --send --rate 500

unmogrowp simulate send launch
"""
SEND_EXAMPLES = """Examples:

unmogrowp simulate send market --rate 200

UNMOGROWP_WRITE_KEY=$(cat key) unmogrowp simulate send market --app-id app_3f0c…
"""

AppId = Annotated[
    str,
    typer.Option(
        "--app-id", metavar="APP", help="App to send to (default: one made for this market)."
    ),
]
WriteKey = Annotated[
    str,
    typer.Option(
        "--write-key",
        envvar="UNMOGROWP_WRITE_KEY",
        show_envvar=True,
        metavar="KEY",
        help="Key of that app; other users of a machine can read command lines.",
    ),
]
Url = Annotated[
    str, typer.Option("--url", metavar="URL", help="Collector (default: that of the stack).")
]
Rate = Annotated[
    float, typer.Option("--rate", min=0.0, metavar="N", help="Requests a second at most; 0: all.")
]
Connections = Annotated[
    int, typer.Option("--connections", min=1, max=64, help="Requests on their way at one time.")
]


@simulate_commands.callback(epilog=EXAMPLES)
def simulate(
    context: typer.Context,
    users: Annotated[int, typer.Option(min=1, max=2_000_000, help="People in the market.")] = 5_000,
    days: Annotated[int, typer.Option(min=1, max=365, help="Days that are played.")] = 30,
    seed: Annotated[int, typer.Option(help="Same seed, same market.")] = 1,
    shape_name: Annotated[
        str, typer.Option("--shape", help=f"Kind of market: {', '.join(SHAPES)}.")
    ] = MATURE_APP.shape,
    market_file: Annotated[
        Path | None,
        typer.Option(
            "--market", metavar="FILE", help="Your own market as JSON (see --print-market)."
        ),
    ] = None,
    end: Annotated[
        str,
        typer.Option(
            metavar="DATE", help="The market ends as this UTC day begins (default: today)."
        ),
    ] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write requests and truth there.")
    ] = None,
    print_market: Annotated[
        bool, typer.Option("--print-market", help="Print the market as JSON, to change it.")
    ] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Then send it through the collector.")
    ] = False,
    app_id: AppId = "",
    write_key: WriteKey = "",
    url: Url = "",
    rate: Rate = 0.0,
    connections: Connections = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Make up a market with a known truth: people, networks, fraud, what all send.

    The folder holds requests in the order in which they arrive, postbacks of
    iPhones, and the truth as Parquet: what caused each install, which touches
    were fraud, what each channel contributed. The same seed, shape, users, days
    and end give the same content. docs/simulator.md describes all of it.
    """
    if context.invoked_subcommand is not None:
        return
    market = _market(shape_name, market_file)
    if print_market:
        typer.echo(market.model_dump_json(indent=1))
        return
    if out is None:
        raise ConfigurationError(
            "nowhere to write to: name a folder with --out FOLDER (unmogrowp simulate --help)"
        )
    written = make_market(
        market,
        out,
        users=users,
        days=days,
        seed=seed,
        end_ms=end_of(end),
        console=Console(stderr=True, quiet=as_json),
    )
    if as_json and not send:
        typer.echo(json.dumps(written.manifest))
    elif not as_json:
        show_manifest(Console(), written)
    if send:
        send_folder(
            out,
            app_id=app_id,
            write_key=write_key,
            url=url,
            rate=rate,
            connections=connections,
            again=False,
            as_json=as_json,
        )


@simulate_commands.command("send", epilog=SEND_EXAMPLES)
def send_market(
    folder: Annotated[Path, typer.Argument(help="Folder of a market (see --out).")],
    app_id: AppId = "",
    write_key: WriteKey = "",
    url: Url = "",
    rate: Rate = 0.0,
    connections: Connections = 8,
    again: Annotated[
        bool, typer.Option("--again", help="Send everything once more: copies, not new installs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Send a market through the collector, from where the last sending stopped.

    Phones write the present as `sentAt`, each by its own clock, so that events
    keep the time at which they happened. 429 and 503 are waited out for as long
    as the collector asks. Exit code 1 where something was refused.
    """
    send_folder(
        folder,
        app_id=app_id,
        write_key=write_key,
        url=url,
        rate=rate,
        connections=connections,
        again=again,
        as_json=as_json,
    )


def _market(shape_name: str, market_file: Path | None) -> Market:
    if market_file is None:
        return shape(shape_name)
    try:
        return Market.model_validate_json(market_file.read_text())
    except OSError as error:
        raise ConfigurationError(f"{market_file} cannot be read: {error}") from error
    except ValueError as error:
        raise ConfigurationError(f"{market_file} is no market: {error}") from error


def end_of(text: str) -> int:
    """Return the UTC midnight a market ends at, in epoch milliseconds; the last one by default.

    Raises:
        ConfigurationError: The text is no date.
    """
    if not text:
        return SystemClock().now_ms() // DAY_MS * DAY_MS
    try:
        midnight = datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError as error:
        raise ConfigurationError(f"--end takes a date like 2026-03-01: {error}") from error
    return int(midnight.timestamp()) * 1000


def make_market(
    market: Market, folder: Path, *, users: int, days: int, seed: int, end_ms: int, console: Console
) -> Written:
    """Play and write a market, with a progress bar."""
    prepare_folder(folder)
    with counted(console) as progress:
        task = progress.add_task("playing the market", total=None)
        played = play(market, users=users, days=days, start_ms=end_ms - days * DAY_MS, seed=seed)

        def step(what: str, done: int, total: int) -> None:
            progress.update(task, description=f"writing {what}", completed=done, total=total)

        return write_market(played, folder, step)


def show_manifest(console: Console, written: Written) -> None:
    """Print what was made and where it is."""
    manifest = written.manifest
    table = Table(
        title=f"{manifest['shape']}, seed {manifest['seed']}, "
        f"{manifest['start'][:10]} to {manifest['end'][:10]}"
    )
    table.add_column("what")
    table.add_column("how many", justify="right")
    for name, count in manifest["counts"].items():
        table.add_row(name.replace("_", " "), f"{count:,}")
    console.print(table)
    files = Table("file", box=None)
    files.add_column("rows", justify="right")
    files.add_column("MiB unpacked", justify="right")
    described: dict[str, dict[str, Any]] = manifest["files"]
    for name, one in described.items():
        files.add_row(name, f"{one['rows']:,}", f"{one['bytes'] / 2**20:.1f}")
    console.print(files)
    console.print(f"Folder: {written.folder}", soft_wrap=True)
