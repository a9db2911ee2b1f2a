"""The plot of a shadow report: each source now, and if the rule blocked. SVG, written by hand."""

from html import escape

from unmogrowp.fraud.shadow import ShadowReport

WIDTH, LEFT, RIGHT, ROW, TOP = 860, 190, 120, 46, 46
SOURCES_SHOWN = 20


def shadow_plot(report: ShadowReport) -> str:
    """Return an SVG with two bars per source, the most changed source first."""
    rows = report.changes()[:SOURCES_SHOWN]
    top = max([max(now, then) for _, now, then in rows] + [1])
    height = TOP + ROW * max(1, len(rows)) + 12
    scale = (WIDTH - LEFT - RIGHT) / top
    title = f"Installs by source, {report.first_day} to {report.last_day}: if {report.rule} blocked"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' font-family="sans-serif" font-size="13"><title>{escape(title)}</title>'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
        f'<text x="12" y="22" font-size="15" fill="#1b1b1b">{escape(title)}</text>'
    ]
    if not rows:
        parts.append(f'<text x="12" y="{TOP + 20}" fill="#555555">No installs.</text>')
    for number, (source, now, then) in enumerate(rows):
        y = TOP + number * ROW
        name = source if len(source) <= 24 else source[:23] + "…"
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 22}" text-anchor="end" fill="#1b1b1b">'
            f"{escape(name)}</text>"
            f'<rect x="{LEFT}" y="{y + 4}" width="{now * scale:.1f}" height="14" fill="#9aa5b1"/>'
            f'<rect x="{LEFT}" y="{y + 20}" width="{then * scale:.1f}" height="14"'
            f' fill="{_colour(now, then)}"/>'
            f'<text x="{LEFT + max(now, then) * scale + 8:.1f}" y="{y + 22}" fill="#1b1b1b">'
            f"{now:,} → {then:,} ({then - now:+,})</text>"
        )
    parts.append("</svg>\n")
    return "".join(parts)


def _colour(now: int, then: int) -> str:
    if then < now:
        return "#c2410c"
    return "#15803d" if then > now else "#52606d"
