"""`unmogrowp scorecard`: decisions, fraud rules and credit against a market with a truth."""

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.clickhouse import connect
from unmogrowp.errors import ConfigurationError
from unmogrowp.scorecard.markdown import render_markdown
from unmogrowp.scorecard.model import Score, Scorecard
from unmogrowp.scorecard.report import bounded, render_html, share_text
from unmogrowp.scorecard.score import score_market
from unmogrowp.settings import load_settings
from unmogrowp.simulator.sent import SentSoFar

EXAMPLES = """Examples:

unmogrowp scorecard --truth market

unmogrowp scorecard --truth market --truth launch --html scorecard.html
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("scorecard", epilog=EXAMPLES)(scorecard)


def scorecard(
    truth: Annotated[
        list[Path],
        typer.Option("--truth", metavar="FOLDER", help="Folder of a market that was sent."),
    ],
    app_id: Annotated[
        str, typer.Option("--app-id", metavar="APP", help="App it was sent to (default: as noted).")
    ] = "",
    ruleset: Annotated[
        str, typer.Option(help="Ruleset whose decisions are scored; default: those that count.")
    ] = "",
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with plots there.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the same as Markdown there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Score decisions, fraud rules and multi-touch models against the truth.

    The market has to be sent and synced before: `unmogrowp simulate --send`,
    `unmogrowp sync`. What does not exist yet is named as absent.
    """
    with closing(connect(load_settings(), as_analyst=True)) as warehouse:
        cards = [
            score_market(warehouse, folder, app_id or _app_of(folder), ruleset) for folder in truth
        ]
    folders = " ".join(f"--truth {folder.name}" for folder in truth)
    if html is not None:
        html.write_text(render_html(cards), encoding="utf-8")
    if markdown is not None:
        markdown.write_text(
            render_markdown(cards, f"unmogrowp scorecard {folders} --markdown {markdown.name}"),
            encoding="utf-8",
        )
    if as_json:
        typer.echo(json.dumps([card.as_record() for card in cards]))
        return
    console = Console()
    for card in cards:
        _show(console, card)
    if html is not None:
        console.print(f"Page: {html}", soft_wrap=True)


def _app_of(folder: Path) -> str:
    apps = SentSoFar.apps(folder)
    if len(apps) == 1:
        return apps[0]
    said = f"was sent to {', '.join(apps)}" if apps else "was sent to no app from here"
    raise ConfigurationError(f"{folder} {said}: name the app with --app-id")


def _show(console: Console, card: Scorecard) -> None:
    console.rule(f"{card.title}: {card.installs:,} installs, ruleset {card.ruleset_id}")
    for title, scores in (("Attribution", card.attribution), ("Fraud rules", card.rules)):
        if scores:
            console.print(_table(title, scores))
    for credit in card.credit:
        table = Table(title=f"Models on {credit.title}")
        table.add_column("model")
        table.add_column("installs in the wrong place", justify="right")
        for one in credit.misplaced:
            table.add_row(one.model, bounded(one.share, one.lower, one.upper))
        console.print(table)
    for text in card.absent:
        console.print(f"[yellow]absent[/yellow] {text}", soft_wrap=True, highlight=False)


def _table(title: str, scores: tuple[Score, ...]) -> Table:
    table = Table("of", title=title)
    for name in ("precision", "recall", "the very touch"):
        table.add_column(name, justify="right")
    for one in scores:
        table.add_row(one.subject, *map(share_text, (one.precision, one.recall, one.exact)))
    return table
