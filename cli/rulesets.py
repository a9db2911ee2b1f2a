"""`unmogrowp ruleset`: the rules of attribution as data: list, show, check, add, promote."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from cli.clickhouse import connect
from cli.control import actor, control_session, require_postgres
from unmogrowp.attribution.openings import asks_for_openings
from unmogrowp.attribution.touched_days import touch
from unmogrowp.clock import SystemClock, utc
from unmogrowp.control import audit_log
from unmogrowp.control import rulesets as kept
from unmogrowp.control.locks import pipeline_lock
from unmogrowp.landing.ranges import Ledger
from unmogrowp.rulesets import PRESETS, Ruleset, read_ruleset
from unmogrowp.rulesets.presets import preset_text
from unmogrowp.settings import Settings, load_settings

# As long as a day of the marts may take to build.
LOCK_WAIT_S = 300.0

commands = typer.Typer(
    no_args_is_help=True,
    help="Rulesets: list, show, check and add them, and promote one to be the one that counts.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
File = Annotated[Path, typer.Argument(help="YAML or JSON; `ruleset show ours` is a beginning.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(commands, name="ruleset")


@contextmanager
def _control() -> Iterator[tuple[Session, str, datetime]]:
    with control_session(load_settings()) as opened:
        yield opened, actor(), utc(SystemClock().now_ms())


@commands.command("list", epilog="Example: unmogrowp ruleset list")
def list_rulesets(as_json: AsJson = False) -> None:
    """List presets, added rulesets, and since when which of them counts for whom."""
    with _control() as (opened, _, _):
        stored = kept.list_rulesets(opened)
        promotions = kept.list_promotions(opened)
    rows = [
        {"ruleset_id": one.ruleset_id, "version": one.version, "kept": "preset",
         "config_hash": one.config_hash[:12], "description": one.description}
        for one in PRESETS.values()
    ] + [
        {"ruleset_id": one.ruleset_id, "version": one.version, "kept": f"{one.added_at:%Y-%m-%d}",
         "config_hash": one.config_hash[:12], "description": str(one.body["description"])}
        for one in stored
    ]  # fmt: skip
    acts = [
        {"app_id": one.app_id or "every app", "ruleset_id": one.ruleset.ruleset_id,
         "version": one.ruleset.version, "effective_from": one.effective_from.isoformat(),
         "promoted_at": one.promoted_at.isoformat(timespec="seconds"), "by": one.promoted_by}
        for one in promotions
    ]  # fmt: skip
    if as_json:
        print(json.dumps({"rulesets": rows, "promotions": acts}))
        return
    _print("Rulesets", rows)
    if acts:
        _print("Promotions, in the order of the acts", acts)
    else:
        print("Nothing was promoted: `ours` counts for every app.")


@commands.command("history", epilog="Example: unmogrowp ruleset history")
def list_acts(as_json: AsJson = False) -> None:
    """List who added and promoted which ruleset, when, from what and to what."""
    with _control() as (opened, _, _):
        acts = [
            {"at": one.recorded_at.isoformat(timespec="seconds"), "actor": one.actor,
             "action": one.action, "ruleset_id": one.subject, **one.detail}
            for one in audit_log.list_acts(opened, "ruleset")
        ]  # fmt: skip
    if as_json:
        print(json.dumps(acts))
        return
    for act in acts:
        if act["action"] == "ruleset.promote":
            says = (
                f"from {act['effective_from']} on for {act['app_id'] or 'every app'}, after"
                f" {act['from_ruleset']} version {act['from_version']}"
            )
        else:
            says = f"version {act['version']}"
        print(f"{act['at']} {act['actor']}: {act['action']} {act['ruleset_id']} {says}")


@commands.command("show", epilog="Example: unmogrowp ruleset show adjust_like > mine.yaml")
def show_ruleset(
    ruleset_id: str,
    version: Annotated[int | None, typer.Option(help="A version; default: the newest.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a ruleset as YAML, with the source of each value and what is assumed."""
    preset = PRESETS.get(ruleset_id)
    if preset is not None and version in (None, preset.version):
        text, ruleset = preset_text(ruleset_id), preset
    else:
        with _control() as (opened, _, _):
            ruleset = kept.find_ruleset(opened, ruleset_id, version)
        text = yaml.safe_dump(ruleset.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    print(ruleset.model_dump_json(indent=1) if as_json else text, end="")


@commands.command("check", epilog="Example: unmogrowp ruleset check mine.yaml")
def check_ruleset(file: File, as_json: AsJson = False) -> None:
    """Read a ruleset and say what it decides, without keeping it; exit code 1 if it is broken."""
    ruleset = read_ruleset(file)
    if as_json:
        print(ruleset.model_dump_json())
        return
    print(f"{ruleset.ruleset_id} version {ruleset.version} is valid ({ruleset.config_hash[:12]}).")
    _print("Windows", _windows(ruleset))


@commands.command("add", epilog="Example: unmogrowp ruleset add mine.yaml")
def add_ruleset(file: File) -> None:
    """Keep a ruleset; it decides nothing before it is promoted or tried with `whatif`."""
    ruleset = read_ruleset(file)
    with _control() as (opened, by, now):
        is_new = kept.add_ruleset(opened, ruleset, actor=by, at=now)
    named = f"{ruleset.ruleset_id} version {ruleset.version} ({ruleset.config_hash[:12]})"
    print(f"{named} is kept" if is_new else f"{named} was kept before")


@commands.command("promote", epilog="Example: unmogrowp ruleset promote mine --from 2026-12-01")
def promote_ruleset(
    ruleset_id: str,
    effective_from: Annotated[
        datetime,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day that it decides."),
    ],
    app_id: Annotated[str, typer.Option("--app", help="Only this app; default: every app.")] = "",
    version: Annotated[int | None, typer.Option(help="A version; default: the newest.")] = None,
) -> None:
    """Make a ruleset the one that counts from a day on; the act is in the audit log.

    Days since then are decided under it by the next run of the marts; what was reported before
    stays in mart.decision_history.
    """
    settings = load_settings()
    require_postgres(settings)
    password = settings.postgres.password.get_secret_value()
    # No day is being built while the lock is held: a build sees the old rules and the day becomes
    # due after it, or it sees the new ones.
    with (
        pipeline_lock(settings.postgres.url, password, wait_s=LOCK_WAIT_S) as lock,
        _control() as (opened, by, now),
    ):
        done = kept.promote_ruleset(
            opened, ruleset_id, _day(effective_from), actor=by, at=now, version=version,
            app_id=app_id,
        )  # fmt: skip
        # Before the commit: after a kill between the two, days are built for nothing, and no day
        # keeps its old decisions.
        days = _touch_decided_days(
            settings, done.effective_from, has_openings=asks_for_openings([done.ruleset])
        )
        lock.verify()
    print(
        f"From {done.effective_from} on, {ruleset_id} version {done.ruleset.version} decides for"
        f" {app_id or 'every app'}."
    )
    if days:
        print(f"{days} past days are due under it; the pipeline builds them (`unmogrowp sync`).")


def _touch_decided_days(settings: Settings, first: date, *, has_openings: bool) -> int:
    """Make every day of installs and events from `first` on due; return how many are decided."""
    if not settings.clickhouse.url:
        return 0
    warehouse = connect(settings)
    try:
        days = warehouse.named_rows(
            "mart/decided_days", {"first": first, "has_openings": has_openings}
        )
        watermark, now_ms = Ledger(warehouse).watermark(), SystemClock().now_ms()
        for (day,) in days:
            touch(warehouse, day, watermark, "ruleset", now_ms, ("attribution",))
        # Also revenue of devices without an install has a row under each ruleset.
        for (day,) in warehouse.rows(
            "SELECT DISTINCT toDate(occurred_at) FROM mart.attributed_events"
            " WHERE toDate(occurred_at) >= {first:Date}",
            {"first": first},
        ):
            touch(warehouse, day, watermark, "ruleset", now_ms, ("events",))
    finally:
        warehouse.close()
    return len(days)


def _day(at: datetime) -> date:
    return at.replace(tzinfo=UTC).date()


def _windows(ruleset: Ruleset) -> list[dict[str, object]]:
    base: list[dict[str, object]] = [
        {"for": "all", "touch": rule.touch_type.value, "method": rule.method.value,
         "window": _window(rule.window_ms), "tier": rule.tier}
        for rule in ruleset.rules
    ]  # fmt: skip
    special: list[dict[str, object]] = [
        {"for": " ".join(part for part in (one.app_id, one.media_source, one.campaign) if part),
         "touch": one.touch_type or "any", "method": one.method or "any",
         "window": _window(one.window_ms), "tier": ""}
        for one in ruleset.overrides
    ]  # fmt: skip
    return base + special


def _window(window_ms: int | None) -> str:
    if window_ms is None:
        return "off"
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m")):
        if window_ms % size == 0:
            return f"{window_ms // size}{unit}"
    return f"{window_ms}ms"


def _print(title: str, rows: list[dict[str, object]]) -> None:
    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)
