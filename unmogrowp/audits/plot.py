"""The plot of a report: what arrived per hour, with the hours that differ marked.

Written as SVG by hand: a picture of a few bars needs no plotting library, whose import alone
takes longer than the audit.
"""

from collections.abc import Sequence

from unmogrowp.audits.model import HOUR_MS, PER_DAY, Comparison, Identity
from unmogrowp.clock import utc

WIDTH, HEIGHT = 960, 190
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 14, 30
HOURS_SHOWN = 24 * 14


def hourly_plot(comparisons: Sequence[Comparison]) -> str:
    """Return an SVG of items per hour; empty when there are none."""
    items: dict[int, int] = {}
    differing = {one.hour_ms for one in comparisons if one.is_open and one.identity not in PER_DAY}
    for one in comparisons:
        if one.identity == Identity.ITEMS:
            items[one.hour_ms] = items.get(one.hour_ms, 0) + int(one.left)
    hours = sorted(set(items) | differing)
    if not hours:
        return ""
    last = hours[-1]
    first = max(hours[0], last - (HOURS_SHOWN - 1) * HOUR_MS)
    count = (last - first) // HOUR_MS + 1
    top = _round_up(max([items.get(first + n * HOUR_MS, 0) for n in range(count)] + [1]))
    step = (WIDTH - LEFT - RIGHT) / count
    # A few hours would be drawn as walls.
    width = min(step * 0.82, 28.0)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="plot"'
        ' aria-label="Items received per hour">'
    ]
    for share in (0.0, 0.5, 1.0):
        y = _y(top * share, top)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" class="tick end">{_short(top * share)}</text>'
        )
    for number in range(count):
        hour = first + number * HOUR_MS
        value = items.get(hour, 0)
        x = LEFT + number * step + (step - width) / 2
        y = _y(value, top)
        title = f"{utc(hour):%Y-%m-%d %H:00} UTC: {value:,} items"
        if hour in differing:
            title += ", counts differ"
            parts.append(
                f'<rect x="{LEFT + number * step:.1f}" y="{TOP}" width="{step:.1f}"'
                f' height="{HEIGHT - TOP - BOTTOM}" class="bad"/>'
            )
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}"'
            f' height="{max(0.0, HEIGHT - BOTTOM - y):.1f}" rx="1.5"'
            f' class="{"bar differs" if hour in differing else "bar"}">'
            f"<title>{title}</title></rect>"
        )
    every = max(1, -(-count // 8))
    for number in range(0, count, every):
        instant = utc(first + number * HOUR_MS)
        label = f"{instant:%m-%d %H:00}" if number == 0 or instant.hour == 0 else f"{instant:%H:00}"
        if every >= 24 or count > 48:
            label = f"{instant:%m-%d %H}h"
        x = LEFT + (number + 0.5) * step
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 9}" class="tick mid">{label}</text>')
    parts.append("</svg>")
    return "".join(parts)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def _round_up(value: int) -> int:
    magnitude = int(10 ** (len(str(value)) - 1))
    for factor in (1, 2, 4, 5, 10):
        if value <= factor * magnitude:
            return max(2, factor * magnitude)
    return 10 * magnitude


def _short(value: float) -> str:
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{suffix}"
    return f"{value:g}"
