"""Writes docs/fraud_rules.md from the catalogue: `python -m unmogrowp.rulesets.fraud_docs`.

Without `--write` it prints the page. A test compares the page with the catalogue, so the two
cannot drift apart.
"""

import sys
from pathlib import Path

from unmogrowp.rulesets.fraud_rules import FraudRuleDefinition, Threshold, fraud_rules

PAGE = Path(__file__).parents[2] / "docs" / "fraud_rules.md"

_HEAD = """# Fraud rules

Written from `unmogrowp/rulesets/fraud_rules.yaml` by
`python -m unmogrowp.rulesets.fraud_docs --write`.
Why the defaults are what they are: [ADR 0075](adr/0075-fraud-thresholds.md).

A ruleset sets each rule to a mode; a rule may stand in it twice, in two modes with two thresholds.

| mode | what follows when the rule fires |
|---|---|
| off | nothing is evaluated |
| shadow | the verdict is kept, for "what would move" (`unmogrowp fraud shadow`) |
| flag | the verdict is kept and shown; about a publisher it enters the review queue |
| block | the touch cannot win and the next valid one does; the reason is `fraud_blocked:<rule>` |

Every verdict keeps rule, mode, value and threshold, and the baseline where there is one.

| kind | a verdict is about | kept in | may block |
|---|---|---|---|
| candidate | a touch considered for an install | `mart.attribution_candidates` | yes |
| install | an install, after it was decided | `mart.fraud_verdicts` | no |
| publisher_day | a publisher's last days (app, media source, site) | `mart.fraud_verdicts` | [1] |

[1] When a person confirms it: rule `post_attribution`.

Baselines are frozen once per app and day (`audit.fraud_baselines`), from the complete days before
it, and never change afterwards. What compares with them only flags: no decision depends on when a
baseline was frozen or in which order days were rebuilt.

| rule | kind | by default |
|---|---|---|
"""


def page() -> str:
    """Return the page."""
    rules = fraud_rules().values()
    table = "".join(
        f"| [`{one.code}`](#{_anchor(one)}) | {one.kind} | {_uses(one)} |\n" for one in rules
    )
    return _HEAD + table + "".join(_section(one) for one in rules)


def _section(rule: FraudRuleDefinition) -> str:
    lines = [
        f"\n## {rule.code}\n",
        f"**{rule.title}.** {rule.definition}\n",
        f"- Formula: {rule.formula}",
        *(f"- {_threshold(one)}" for one in rule.thresholds),
    ]
    if rule.baseline is not None:
        lines.append(f"- Baseline: {rule.baseline.of}, {rule.baseline.days} complete days")
    if not rule.is_evaluated:
        lines.append("- **Not evaluated yet.**")
    lines += [
        f"- By default: {_uses(rule)}; version {rule.version}",
        f"- Source: {rule.source}",
        f"- False positives: {rule.false_positives}",
        f"- Cannot see: {rule.cannot_see}",
    ]
    return "\n".join(lines) + "\n"


def _threshold(one: Threshold) -> str:
    compared = {
        "above": "fires above",
        "at_least": "fires from",
        "below": "fires below",
        "at_most": "fires up to",
        "never": "condition:",
    }[one.fires]
    return f"`{one.name}` ({one.unit}; {one.meaning}): {compared} {one.text_of(one.default)}"


def _uses(rule: FraudRuleDefinition) -> str:
    uses = []
    for one in rule.defaults:
        limits = [
            f"{name} {rule.threshold(name).text_of(value)}"
            for name, value in one.parameters.items()
        ]
        uses.append(" ".join([one.mode, *limits]))
    return ", ".join(uses)


def _anchor(rule: FraudRuleDefinition) -> str:
    return rule.code.replace(".", "")


def main(arguments: list[str]) -> int:
    """Print the page, or with `--write` put it in its place."""
    if "--write" in arguments:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
