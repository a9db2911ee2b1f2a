"""The page that shows what moves between two rulesets over a month."""

from collections.abc import Mapping
from decimal import Decimal

from unmogrowp.attribution.whatif import UNCHANGED, Move, WhatIf
from unmogrowp.warehouse.content_hash import ContentHash

BLOCKED = "fraud_blocked:"
REASONS = {
    "method_off": "the trial does not credit touches of this kind",
    "outside_window": "outside the window of the other ruleset",
    "not_considered": "the other ruleset does not look at touches of this kind",
    "not_retargeting": "the base lets only retargeting win a reinstall",
    "kind": "same source, another kind of conversion",
    "lower_tier": "another touch goes before it",
    "earlier_touch": "another touch is later",
}


def render_whatif(
    found: WhatIf,
    before: Mapping[str, ContentHash],
    after: Mapping[str, ContentHash],
    command: str,
) -> str:
    """Return the page as Markdown."""
    moved = [one for one in found.moves if one.reason != UNCHANGED]
    return "\n".join(
        [
            f"# What if: {found.base} against {found.trial}\n",
            f"Written by `{command}`, from the month of [explained_installs.md]"
            "(explained_installs.md). On a stack the same comes from\n",
            f"```\nunmogrowp whatif --base {found.base} --ruleset {found.trial}"
            f" --from {found.first_day} --to {found.last_day} --plot whatif.png\n```\n",
            "Without `--base` the trial is held against the ruleset that counts. Both are"
            " decided into partitions of their own (`ruleset_id`, day), each conversion is"
            " compared once, and the differences stand in `mart.attribution_diff`.\n",
            f"**{found.moved:,} of {found.conversions:,} conversions would move.**\n",
            "![Conversions per media source under both rulesets](whatif.png)\n",
            "## From source to source\n",
            "What leaves a source arrives at another one or, where a ruleset sees a conversion"
            " that the other does not, at `(none)`.\n",
            *_sources(found),
            _within(moved),
            "\n## By reason\n",
            "The reason is what the trial says of the touch that won before; where nothing had"
            " won, what the base says of the touch that wins now.\n",
            *_moves([one for one in moved if not one.currency]),
            "\n" + _reasons(moved) + "\n",
            "## Money that moves with them\n",
            "Revenue is that of the events after each install. Cost is what is paid per install"
            " (`cpi`, `cpa`) to the touch that wins, under either ruleset; clicks and views are"
            " paid whoever wins, so they move nothing.\n",
            *_money([one for one in moved if one.currency]),
            "\n## What counts is as it was\n",
            "Rows and content hashes of the ruleset that counts (`ours`), before and after:\n",
            *_content(before, after),
            "",
        ]
    )


def _sources(found: WhatIf) -> list[str]:
    lines = [
        f"| media source | {found.base} | moved out | moved in | {found.trial} |",
        "|---|--:|--:|--:|--:|",
    ]
    names = sorted(
        {one.from_media_source for one in found.moves}
        | {one.to_media_source for one in found.moves},
        key=lambda name: (name == "", name),
    )
    sums = [0, 0, 0, 0]
    for name in names:
        was = sum(one.conversions for one in found.moves if one.from_media_source == name)
        becomes = sum(one.conversions for one in found.moves if one.to_media_source == name)
        stays = sum(
            one.conversions
            for one in found.moves
            if one.from_media_source == one.to_media_source == name
        )
        row = [was, was - stays, becomes - stays, becomes]
        sums = [total + value for total, value in zip(sums, row, strict=True)]
        lines.append(f"| {name or '(none)'} | {' | '.join(f'{value:,}' for value in row)} |")
    lines.append(f"| **all** | {' | '.join(f'**{value:,}**' for value in sums)} |")
    return lines


def _within(moved: list[Move]) -> str:
    count = sum(one.conversions for one in moved if one.from_media_source == one.to_media_source)
    if not count:
        return ""
    return (
        f"\n{count:,} of those that would move {'stays' if count == 1 else 'stay'} with"
        f" {'its' if count == 1 else 'their'} source: another touch of it wins, or the conversion"
        " is of another kind."
    )


def _moves(moved: list[Move]) -> list[str]:
    lines = ["| from | to | reason | conversions |", "|---|---|---|--:|"]
    lines += [f"| {_ends(one)} | `{one.reason}` | {one.conversions:,} |" for one in moved]
    return lines


def _reasons(moved: list[Move]) -> str:
    found = sorted({one.reason for one in moved if one.reason in REASONS})
    told = [f"- `{reason}`: {REASONS[reason]}" for reason in found]
    if any(one.reason.startswith(BLOCKED) for one in moved):
        told.append(
            f"- `{BLOCKED}<rule>`: a fraud rule of one of the two blocks the touch; the next valid"
            " one wins, which may be another of the same source, or none does"
        )
    return "\n".join(told)


def _money(moved: list[Move]) -> list[str]:
    lines = [
        "| from | to | reason | currency | revenue | cost before | cost after |",
        "|---|---|---|---|--:|--:|--:|",
    ]
    totals: dict[str, list[Decimal]] = {}
    for one in moved:
        amounts = (one.revenue, one.cost, one.trial_cost)
        lines.append(
            f"| {_ends(one)} | `{one.reason}` | {one.currency} |"
            f" {' | '.join(_amount(value) for value in amounts)} |"
        )
        sums = totals.setdefault(one.currency, [Decimal(0)] * 3)
        totals[one.currency] = [a + b for a, b in zip(sums, amounts, strict=True)]
    lines += [
        f"| **all** | | | **{currency}** | {' | '.join(f'**{value:,.2f}**' for value in sums)} |"
        for currency, sums in sorted(totals.items())
    ]
    return lines


def _amount(value: Decimal) -> str:
    return "< 0.01" if 0 < value < Decimal("0.005") else f"{value:,.2f}"


def _ends(one: Move) -> str:
    kind = f" ({one.from_kind} to {one.to_kind})" if one.from_kind != one.to_kind else ""
    return f"{one.from_media_source or '(none)'} | {one.to_media_source or '(none)'}{kind}"


def _content(before: Mapping[str, ContentHash], after: Mapping[str, ContentHash]) -> list[str]:
    lines = ["| table | rows | before | after |", "|---|--:|---|---|"]
    lines += [
        f"| `{table}` | {was.row_count:,} | `{was.checksum:016x}` |"
        f" `{after[table].checksum:016x}` |"
        for table, was in before.items()
    ]
    return lines
