"""`unmogrowp fraud`: the rules, the review queue, what a rule would move, lists of networks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from cli.clickhouse import connect
from cli.control import actor
from cli.fraud_judge import EXAMPLE, judge
from cli.promotions import deciding_versions
from unmogrowp.attribution.primary import ruleset_that_counts
from unmogrowp.clock import SystemClock
from unmogrowp.control.locks import pipeline_lock
from unmogrowp.errors import ConfigurationError
from unmogrowp.fraud.networks import Kind, covered_ranges, read_networks, replace_list
from unmogrowp.fraud.plot import shadow_plot
from unmogrowp.fraud.reviews import STATES, Action, decide, find, findings, restatable_days
from unmogrowp.fraud.shadow import ShadowReport, shadow_report
from unmogrowp.rulesets.fraud_rules import fraud_rules
from unmogrowp.settings import load_settings
from unmogrowp.warehouse.client import Warehouse

fraud_app = typer.Typer(help="Fraud: rules, reviews of what they found, what they would move.")
review_app = typer.Typer(help="Publishers that rules flagged, and what people decide about them.")
fraud_app.command("judge", epilog=EXAMPLE)(judge)
fraud_app.add_typer(review_app, name="review", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
RulesetId = Annotated[
    str,
    typer.Option("--ruleset", help="Ruleset of the decisions; default: the one that counts."),
]
ReviewId = Annotated[str, typer.Argument(help="Id of the finding, or the beginning of it.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for those who ask later.")]
FirstDay = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day of installs.")
]
LastDay = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last UTC day, included.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(fraud_app, name="fraud", no_args_is_help=True)


@fraud_app.command("rules", epilog="Example: unmogrowp fraud rules")
def list_rules(as_json: AsJson = False) -> None:
    """List the fraud rules there are, with their defaults (docs/fraud_rules.md explains them)."""
    rules = fraud_rules().values()
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in rules], ensure_ascii=False))
        return
    table = Table("rule", "about", "by default", "what it says")
    for rule in rules:
        modes = ", ".join(
            " ".join([one.mode, *(rule.threshold(n).text_of(v) for n, v in one.parameters.items())])
            for one in rule.defaults
        )
        table.add_row(rule.code, rule.kind, modes, rule.title)
    Console().print(table)


@review_app.command("list", epilog="Example: unmogrowp fraud review list")
def list_reviews(
    ruleset: RulesetId = "",
    is_all: Annotated[bool, typer.Option("--all", help="Those that are decided as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """List publishers that rules flagged and nobody has decided about, newest first."""
    with _warehouse(as_analyst=True) as warehouse:
        found = findings(
            warehouse, _or_primary(warehouse, ruleset), STATES if is_all else ("open",)
        )
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], default=str, ensure_ascii=False))
        return
    table = Table("id", "state", "app", "source", "site", "rule", "days", "what was found")
    for one in found:
        said = one.sentence if not one.action else f"{one.sentence} [{one.action}: {one.reason}]"
        table.add_row(
            one.review_id, one.state, one.app_id, one.media_source, one.site_id, one.rule,
            f"{one.first_day} to {one.last_day}", said,
        )  # fmt: skip
    if found:
        Console().print(table)
        return
    typer.echo(
        "Nothing waits for a decision. Publishers are judged every night, and now by `unmogrowp"
        " fraud judge`; before a publisher has some 30 to 100 installs, most rules say nothing."
    )


@review_app.command(
    "confirm", epilog='Example: unmogrowp fraud review confirm 3fa9 --why "clicks at night only"'
)
def confirm(
    review_id: ReviewId,
    why: Why,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    ruleset: RulesetId = "",
) -> None:
    """Confirm that it is fraud: its touches are blocked, the days concerned are decided again."""
    _decide("confirm", ruleset, review_id, why, _day(first_day), _day(last_day))


@review_app.command(
    "dismiss", epilog='Example: unmogrowp fraud review dismiss 3fa9 --why "rewarded catalogue"'
)
def dismiss(review_id: ReviewId, why: Why, ruleset: RulesetId = "") -> None:
    """Decide that it is no fraud; it comes back when later days are flagged."""
    _decide("dismiss", ruleset, review_id, why)


@review_app.command("undo", epilog='Example: unmogrowp fraud review undo 3fa9 --why "wrong site"')
def undo(review_id: ReviewId, why: Why, ruleset: RulesetId = "") -> None:
    """Take the latest decision back; what it moved is decided again without it."""
    _decide("undo", ruleset, review_id, why)


@fraud_app.command(
    "shadow",
    epilog="Example: unmogrowp fraud shadow --rule mtti_outlier --from 2026-03-01 --to 2026-03-31",
)
def shadow(
    rule: Annotated[str, typer.Option(help="Code of the rule.")],
    first_day: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"])],
    last_day: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"])],
    ruleset: RulesetId = "",
    plot: Annotated[Path | None, typer.Option(help="Write a plot (SVG) to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show which installs, and what was paid for them, would move if a rule blocked."""
    if rule not in fraud_rules():
        raise ConfigurationError(
            f"there is no fraud rule {rule}; `unmogrowp fraud rules` lists them"
        )
    with _warehouse(as_analyst=True) as warehouse:
        report = shadow_report(
            warehouse, _or_primary(warehouse, ruleset, last_day.date()), rule, first_day.date(),
            last_day.date(),
        )  # fmt: skip
    if plot is not None:
        plot.write_text(shadow_plot(report), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(report.as_json(), ensure_ascii=False))
        return
    _print_report(report)
    if plot is not None:
        typer.echo(f"plot: {plot}")


@fraud_app.command(
    "networks", epilog="Example: unmogrowp fraud networks tor-exits.txt --list tor --kind tor"
)
def load_networks(
    file: Annotated[Path, typer.Argument(help="One address or network per line.")],
    list_name: Annotated[str, typer.Option("--list", help="Name; replaces the list of that name.")],
    kind: Annotated[Kind, typer.Option(help="What these networks are.")],
) -> None:
    """Load a list of anonymising networks for the rule anonymous_ip (none comes with us)."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    networks = read_networks(text.splitlines(), str(file))
    with _warehouse() as warehouse:
        count = replace_list(warehouse, list_name, kind, covered_ranges(networks), SystemClock())
    typer.echo(f"{list_name}: {len(networks):,} networks in {count:,} ranges of prefixes")


def _or_primary(warehouse: Warehouse, ruleset: str, day: date | None = None) -> str:
    return ruleset or ruleset_that_counts(warehouse, day)


def _decide(
    action: Action,
    ruleset: str,
    review_id: str,
    why: str,
    first_day: date | None = None,
    last_day: date | None = None,
) -> None:
    settings = load_settings()
    password = settings.postgres.password.get_secret_value()
    with _warehouse() as warehouse:
        ruleset = _or_primary(warehouse, ruleset)
        restatable = restatable_days(deciding_versions(settings, ruleset))
        with (
            Console(stderr=True).status("waiting for runs of the pipeline to end"),
            pipeline_lock(settings.postgres.url, password, wait_s=300.0),
        ):
            done = decide(
                warehouse, ruleset, find(warehouse, ruleset, review_id), action,
                by=actor(), reason=why, clock=SystemClock(),
                restatable=restatable, first_day=first_day, last_day=last_day,
            )  # fmt: skip
    one = done.finding
    typer.echo(
        f"{action}: {one.rule} about {one.media_source} {one.site_id} of {one.app_id},"
        f" installs of {done.first_day} to {done.last_day}"
    )
    if done.touched_days:
        typer.echo(
            f"{len(done.touched_days)} days are decided again"
            f" ({done.touched_days[0]} to {done.touched_days[-1]}); `unmogrowp sync` waits for it"
        )


def _print_report(report: ShadowReport) -> None:
    total = sum(report.installs.values())
    costs = ", ".join(f"{value.normalize():f} {name}" for name, value in report.costs.items())
    console = Console()
    if not report.moved_count:
        console.print(
            f"If {report.rule} blocked, none of {total:,} installs would move"
            f" ({report.first_day} to {report.last_day}, ruleset {report.ruleset_id})."
            " Rules about publishers find nothing before they are judged: every night, or by"
            " `unmogrowp fraud judge`."
        )
        return
    console.print(
        f"If {report.rule} blocked: {report.moved_count:,} of {total:,} installs would move"
        f" ({report.first_day} to {report.last_day}, ruleset {report.ruleset_id});"
        f" paid for the touches that would lose: {costs or 'nothing known'}."
    )
    moves = Table("app", "from", "to", Column("installs", justify="right"), "cost")
    for move in report.moves:
        paid = ", ".join(f"{value.normalize():f} {name}" for name, value in move.costs.items())
        moves.add_row(
            move.app_id, move.from_source, move.to_source, f"{move.install_count:,}", paid
        )
    console.print(moves)
    top = max([max(now, then) for _, now, then in report.changes()] + [1])
    bars = Table("source", Column("now", justify="right"), Column("then", justify="right"), "")
    for source, now, then in report.changes():
        bars.add_row(source, f"{now:,}", f"{then:,}", "█" * round(30 * then / top))
    console.print(bars)


def _day(instant: datetime | None) -> date | None:
    return None if instant is None else instant.date()


@contextmanager
def _warehouse(*, as_analyst: bool = False) -> Iterator[Warehouse]:
    warehouse = connect(load_settings(), as_analyst=as_analyst)
    try:
        yield warehouse
    finally:
        warehouse.close()
