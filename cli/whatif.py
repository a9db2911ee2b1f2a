"""`unmogrowp whatif`: what another ruleset would decide, beside what counts."""

import json
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.clickhouse import connect
from cli.progress import counted
from cli.promotions import read_promotions, ruleset_of
from unmogrowp.attribution.content import content_of
from unmogrowp.attribution.whatif import UNCHANGED, Move, WhatIf, days_between, try_ruleset
from unmogrowp.attribution.whatif_plot import plot_whatif
from unmogrowp.clock import SystemClock
from unmogrowp.control.locks import pipeline_lock
from unmogrowp.errors import ConfigurationError, PermanentError
from unmogrowp.landing.ranges import Ledger
from unmogrowp.rulesets.assignment import decided_spans
from unmogrowp.settings import load_settings
from unmogrowp.warehouse.content_hash import ContentHash

MOVES_SHOWN = 30
LOCK_SECONDS = 300

EXAMPLES = """Examples:

unmogrowp whatif --ruleset adjust_like --from 2026-11-01 --to 2026-11-30

unmogrowp whatif --base appsflyer_like --ruleset mine.yaml --from 2026-11-01 --to 2026-11-30
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EXAMPLES)(whatif)


def whatif(
    ruleset: Annotated[
        str, typer.Option(help="What to try: a YAML or JSON file, a preset, or a ruleset added.")
    ],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last UTC day.")],
    base: Annotated[
        str, typer.Option(help="What to compare with; default: what counts on each day.")
    ] = "",
    plot: Annotated[
        Path | None, typer.Option(help="PNG or SVG; default: in the folder of reports.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Decide past days under another ruleset, into partitions of its own, and show what moves.

    What counts today is not touched: neither its rows nor the history of what was reported. The
    content of both is hashed before and after, and shown.
    """
    settings = load_settings()
    days = days_between(first.replace(tzinfo=UTC).date(), last.replace(tzinfo=UTC).date())
    picture = plot or settings.home / "reports" / f"whatif_{Path(ruleset).stem}_{days[0]}.png"
    if picture.suffix not in (".png", ".svg"):
        raise ConfigurationError(f"--plot {picture}: the name has to end with .png or .svg")
    trial = ruleset_of(settings, ruleset)
    promotions = read_promotions(settings)
    compared = ruleset_of(settings, base) if base else None
    decided = [
        one
        for one in decided_spans(promotions)
        if one.first_day <= days[-1] and one.last_day >= days[0]
    ]
    password = settings.postgres.password.get_secret_value()
    console = Console(stderr=True, quiet=as_json)
    with (
        closing(connect(settings)) as warehouse,
        counted(console) as progress,
    ):
        task = progress.add_task("waiting for runs of the pipeline to end", total=len(days))
        with pipeline_lock(settings.postgres.url, password, wait_s=LOCK_SECONDS):
            progress.update(task, description=f"deciding under {trial.ruleset_id}")
            before = content_of(warehouse, decided, days[0], days[-1])
            found = try_ruleset(
                warehouse,
                compared,
                trial,
                days,
                Ledger(warehouse).watermark(),
                SystemClock(),
                promotions=promotions,
                after_day=lambda _: progress.advance(task),
            )
            after = content_of(warehouse, decided, days[0], days[-1])
    plot_whatif(found, picture)
    if as_json:
        print(json.dumps(_as_json(found, picture, before, after)))
    else:
        _show(Console(), found, picture)
        _show_content(Console(), sorted({one.ruleset_id for one in decided}), before, after)
    if before != after:
        raise PermanentError(
            "what counts is not what it was before: somebody else wrote meanwhile; run it again"
        )


def _as_json(
    found: WhatIf, picture: Path, before: dict[str, ContentHash], after: dict[str, ContentHash]
) -> dict[str, object]:
    money = ("revenue", "cost", "trial_cost")
    return {
        "base": found.base,
        "trial": found.trial,
        "from": found.first_day.isoformat(),
        "to": found.last_day.isoformat(),
        "conversions": found.conversions,
        "moved": found.moved,
        "per_source": {
            source: {"base": was, "trial": becomes}
            for source, (was, becomes) in found.per_source().items()
        },
        "moves": [
            {
                name: str(getattr(one, name)) if name in money else getattr(one, name)
                for name in one.__slots__
            }
            for one in found.moves
        ],
        "content_before": {table: str(one) for table, one in before.items()},
        "content_after": {table: str(one) for table, one in after.items()},
        "plot": str(picture),
    }


def _show(console: Console, found: WhatIf, picture: Path) -> None:
    console.print(
        f"{found.moved:,} of {found.conversions:,} conversions from {found.first_day} to"
        f" {found.last_day} would move from {found.base} to {found.trial}.",
        highlight=False,
    )
    sources = _table("Conversions", "media source", found.base, found.trial, "difference")
    per_source = found.per_source()
    for source, (was, becomes) in per_source.items():
        sources.add_row(source, f"{was:,}", f"{becomes:,}", f"{becomes - was:+,}")
    was, becomes = (sum(both[side] for both in per_source.values()) for side in (0, 1))
    sources.add_section()
    sources.add_row("all", f"{was:,}", f"{becomes:,}", f"{becomes - was:+,}")
    console.print(sources)
    moved = [one for one in found.moves if one.reason != UNCHANGED]
    installs = [one for one in moved if not one.currency]
    moves = _table("Conversions that move", "from", "to", "why", "conversions")
    for one in installs[:MOVES_SHOWN]:
        moves.add_row(*_ends(one), one.reason, f"{one.conversions:,}")
    if installs:
        console.print(moves)
    money = _table(
        "Money that moves with them", "from", "to", "why", "revenue", "cost before", "cost after"
    )
    paid = [one for one in moved if one.currency]
    for one in paid[:MOVES_SHOWN]:
        amounts = [_money(value, one.currency) for value in (one.revenue, one.cost, one.trial_cost)]
        money.add_row(*_ends(one), one.reason, *amounts)
    if paid:
        console.print(money)
    hidden = max(len(installs) - MOVES_SHOWN, 0) + max(len(paid) - MOVES_SHOWN, 0)
    if hidden:
        console.print(f"{hidden:,} smaller rows are not shown; --json holds all.")
    console.print(f"Plot: {picture}", soft_wrap=True, highlight=False)


def _show_content(
    console: Console,
    counting: list[str],
    before: dict[str, ContentHash],
    after: dict[str, ContentHash],
) -> None:
    table = _table(
        f"Content of what counts ({', '.join(counting)})", "table", "rows", "before", "after"
    )
    for name, was in before.items():
        is_same = after[name] == was
        hashed = f"{after[name].checksum:016x}"
        table.add_row(
            name,
            f"{was.row_count:,}",
            f"{was.checksum:016x}",
            hashed if is_same else f"[red]{hashed}[/red]",
        )
    console.print(table)
    if before == after:
        console.print("[green]✓[/green] nothing of what counts was changed")


def _table(title: str, *columns: str) -> Table:
    """Return a table whose columns of words stand left and whose other columns stand right."""
    words = ("media source", "from", "to", "why", "table", "before", "after")
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, justify="left" if name in words else "right", overflow="fold")
    return table


def _ends(one: Move) -> tuple[str, str]:
    kind = f" ({one.from_kind} to {one.to_kind})" if one.from_kind != one.to_kind else ""
    return one.from_media_source or "(none)", f"{one.to_media_source or '(none)'}{kind}"


def _money(value: Decimal, currency: str) -> str:
    return f"{value:,.2f} {currency}" if value else ""
