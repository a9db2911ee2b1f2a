"""Renders an audit as pages that a person reads: the verdict first, then what it rests on.

One HTML file without anything from outside (styles and plot are in it) and one Markdown file, so
that a report can be mailed, kept for years, and shown inside Dagster.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from unmogrowp.audits.model import (
    SENTENCES,
    Amount,
    Comparison,
    Identity,
    ReconciliationReport,
)
from unmogrowp.audits.plot import hourly_plot
from unmogrowp.clock import utc
from unmogrowp.warehouse.client import Warehouse

IDS_SHOWN = 200
HOURS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class RenderedReport:
    """Where the files are, and the Markdown for whoever shows it elsewhere."""

    html: Path
    markdown: Path
    markdown_text: str


@dataclass(frozen=True, slots=True)
class TableQuality:
    """Latest results of all checks of one table."""

    table: str
    passed: int
    failed: int
    warnings: int
    checked_at: datetime
    failing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdentityLine:
    """One identity over the whole audit."""

    identity: str
    sentence: str
    comparisons: int
    left_name: str
    left: Amount
    right_name: str
    right: Amount
    differing: int
    accepted: int


@dataclass(frozen=True, slots=True)
class AppLine:
    """One app: what it sent and how many comparisons differ, per identity."""

    app_id: str
    items: int
    installs: int
    differing: dict[str, int]


def latest_quality(warehouse: Warehouse) -> tuple[TableQuality, ...]:
    """Return the latest result of every check, summed per table."""
    return tuple(
        TableQuality(table, int(passed), int(failed), int(warnings), checked_at, tuple(failing))
        for table, passed, failed, warnings, checked_at, failing in warehouse.named_rows(
            "audit/latest_quality"
        )
    )


def render(
    report: ReconciliationReport, folder: Path, quality: Sequence[TableQuality] = ()
) -> RenderedReport:
    """Write `<audit_id>.html`, `<audit_id>.md` and `latest.html` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    context = {
        "report": report,
        "quality": list(quality),
        "failed_checks": sum(one.failed for one in quality),
        "identities": _identity_lines(report),
        "apps": _app_lines(report),
        "identity_names": [one.value for one in Identity],
        "open": report.open_comparisons[:HOURS_SHOWN],
        "accepted": [one for one in report.comparisons if one.difference and one.is_accepted],
        "noted": _noted(report.comparisons)[:HOURS_SHOWN],
        "ids": report.differences[:IDS_SHOWN],
        "plot": Markup(hourly_plot(report.comparisons)),  # nosec B704 - our own SVG, numbers only
        "state": _state(report, quality),
    }
    markdown_text = _environment().get_template("report.md.j2").render(context)
    html_text = _environment().get_template("report.html.j2").render(context)
    html = folder / f"{report.audit_id}.html"
    markdown = folder / f"{report.audit_id}.md"
    _write(markdown, markdown_text)
    _write(html, html_text)
    _write(folder / "latest.html", html_text)
    return RenderedReport(html, markdown, markdown_text)


def _state(report: ReconciliationReport, quality: Sequence[TableQuality]) -> str:
    """Return how the verdict is coloured: equal counts of bad rows are no good news."""
    if report.open_comparisons:
        return "differs"
    return "doubtful" if report.is_empty or any(one.failed for one in quality) else "equal"


def _write(path: Path, text: str) -> None:
    """Write beside, then rename: whoever reads `latest.html` never sees half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("unmogrowp.audits", "templates"),
        autoescape=select_autoescape(["html.j2", "html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = lambda value: f"{value:,}".replace(",", "\u202f")
    environment.filters["signed"] = lambda value: f"{value:+,}".replace(",", "\u202f")
    environment.filters["instant"] = _instant
    environment.filters["cell"] = lambda value: str(value).replace("|", "\\|").replace("\n", " ")
    return environment


def _instant(value: datetime | int) -> str:
    instant = utc(value) if isinstance(value, int) else value
    return instant.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")


def _identity_lines(report: ReconciliationReport) -> list[IdentityLine]:
    lines = []
    for identity in Identity:
        of_identity = [one for one in report.comparisons if one.identity == identity]
        summed = [one for one in of_identity if one.is_summed]
        lines.append(
            IdentityLine(
                identity.value,
                SENTENCES[identity],
                len(of_identity),
                of_identity[0].left_name if of_identity else "",
                sum(one.left for one in summed),
                of_identity[0].right_name if of_identity else "",
                sum(one.right for one in summed),
                sum(1 for one in of_identity if one.is_open),
                sum(1 for one in of_identity if one.difference and one.is_accepted),
            )
        )
    return lines


def _app_lines(report: ReconciliationReport) -> list[AppLine]:
    lines = []
    for app_id in sorted({one.app_id for one in report.comparisons}):
        of_app = [one for one in report.comparisons if one.app_id == app_id]
        summed = [one for one in of_app if one.is_summed]
        lines.append(
            AppLine(
                app_id,
                int(sum(one.left for one in summed if one.identity == Identity.ITEMS)),
                int(sum(one.left for one in summed if one.identity == Identity.INSTALLS)),
                {
                    identity.value: sum(
                        1 for one in of_app if one.identity == identity and one.is_open
                    )
                    for identity in Identity
                },
            )
        )
    return lines


def _noted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return equal comparisons that hold only with a remark: unknown outcomes, open minutes."""
    return [one for one in comparisons if one.note and not one.difference]
