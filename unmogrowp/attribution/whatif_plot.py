"""A picture of what another ruleset would move: conversions per source, before and after."""

from pathlib import Path

from unmogrowp.attribution.whatif import WhatIf

SOURCES_SHOWN = 15


def plot_whatif(found: WhatIf, file: Path) -> None:
    """Draw conversions per source under both rulesets, the largest first, into a PNG or SVG."""
    # Imported here: it takes a second, and only pictures need it.
    from matplotlib.figure import Figure

    largest = sorted(found.per_source().items(), key=lambda item: -max(item[1]))[:SOURCES_SHOWN]
    names = [name for name, _ in largest][::-1]
    figure = Figure(figsize=(9, 1.4 + 0.45 * len(names)), layout="constrained")
    axes = figure.subplots()
    places = range(len(names))
    for offset, which, label, colour in (
        (0.2, 0, found.base, "#4c6ef5"),
        (-0.2, 1, found.trial, "#f59f00"),
    ):
        counts = [counts[which] for _, counts in largest][::-1]
        bars = axes.barh(
            [place + offset for place in places], counts, height=0.38, label=label, color=colour
        )
        axes.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
    axes.set_yticks(list(places), names)
    axes.set_xlabel("conversions")
    axes.set_title(
        f"{found.moved:,} of {found.conversions:,} conversions would move,"
        f" {found.first_day} to {found.last_day}"
    )
    axes.margins(x=0.12)
    axes.legend(loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=130)
