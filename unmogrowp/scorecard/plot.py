"""Plots of a scorecard: a dot per share with its interval, a bar per channel and model.

Written as SVG by hand, like those of the audit report: the page needs no script and no library.
"""

from collections.abc import Sequence
from html import escape

from unmogrowp.scorecard.model import CreditScore, Score, Share

# For a picture that stands alone; a page has its own colours.
STYLE = """
text { font: 12px system-ui, "Segoe UI", Roboto, Arial, sans-serif; fill: #5b6878; }
.grid { stroke: #dfe4ea; } .end { text-anchor: end; } .mid { text-anchor: middle; }
.precision { stroke: #3d6fb6; fill: #3d6fb6; } .recall { stroke: #b3661e; }
.recall circle { fill: #ffffff; stroke-width: 2; } g line { stroke-width: 2; }
rect { opacity: .55; }
.m0 { fill: #3d6fb6; } .m0 line { stroke: #3d6fb6; } .m1 { fill: #b3661e; }
.m1 line { stroke: #b3661e; } .m2 { fill: #14714b; } .m2 line { stroke: #14714b; }
.m3 { fill: #7a4fb0; } .m3 line { stroke: #7a4fb0; } .m4 { fill: #a02f5b; }
.m4 line { stroke: #a02f5b; } .m5 { fill: #4b5563; } .m5 line { stroke: #4b5563; }
"""

WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM = 960, 250, 60, 26, 26, 28


def share_plot(scores: Sequence[Score], label: str) -> str:
    """Return precision (filled) and recall (hollow) of each score; empty without any."""
    rows = [
        one
        for one in scores
        if any(share is not None and share.total for share in (one.precision, one.recall))
    ]
    if not rows:
        return ""
    height = TOP + ROW * len(rows) + BOTTOM
    parts = [_open(height, label), *_axis(height, [(x / 4, f"{x * 25} %") for x in range(5)])]
    for number, one in enumerate(rows):
        y = TOP + ROW * number + ROW / 2
        parts.append(_name(one.subject, y))
        parts += [
            _dot(share, y + shift, kind)
            for share, shift, kind in ((one.precision, -5, "precision"), (one.recall, 5, "recall"))
            if share is not None and share.total
        ]
    return "".join([*parts, "</svg>"])


def bias_plot(credit: CreditScore, models: Sequence[str]) -> str:
    """Return, per channel, what each model credits too much or too little, in installs."""
    chosen = [one for one in credit.biases if one.model in models]
    if not chosen:
        return ""
    channels = list(dict.fromkeys(one.channel for one in chosen))
    span = max(max(abs(one.lower), abs(one.upper)) for one in chosen) or 1.0
    step = ROW * 0.62
    block = step * len(models) + 14
    height = int(TOP + block * len(channels) + BOTTOM)
    ticks = [(0.5 + x / 2, f"{x * span:+,.0f}" if x else "0") for x in (-1.0, -0.5, 0, 0.5, 1.0)]
    parts = [_open(height, f"Bias of models, {credit.title}"), *_axis(height, ticks)]
    for row, channel in enumerate(channels):
        top = TOP + block * row
        parts.append(_name(channel, top + block / 2 - 7))
        for number, model in enumerate(models):
            one = next(b for b in chosen if (b.model, b.channel) == (model, channel))
            y = top + step * (number + 0.5)
            zero, end = _x(0.5), _x(0.5 + one.difference / span / 2)
            low, high = _x(0.5 + one.lower / span / 2), _x(0.5 + one.upper / span / 2)
            title = (
                f"{model} credits {channel} with {one.credited:,.1f} installs, it brought"
                f" {one.brought:,.1f}"
            )
            parts.append(
                f'<g class="m{number % 6}"><title>{escape(title)}</title>'
                f'<rect x="{min(zero, end):.1f}" y="{y - 4:.1f}" width="{abs(end - zero):.1f}"'
                f' height="8"/><line x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text x="{WIDTH - RIGHT + 4}" y="{y + 4:.1f}" class="tick">{escape(model)}</text>'
                "</g>"
            )
    return "".join([*parts, "</svg>"])


def standalone(svg: str) -> str:
    """Return a plot as a file of its own: white ground, colours inside."""
    end = svg.index(">") + 1
    ground = '<rect width="100%" height="100%" style="fill:#ffffff;opacity:1"/>'
    return f"{svg[:end]}<style>{STYLE}</style>{ground}{svg[end:]}\n"


def _open(height: int, label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 60} {height}" role="img"'
        f' class="plot" aria-label="{escape(label)}">'
    )


def _axis(height: int, ticks: Sequence[tuple[float, str]]) -> list[str]:
    return [
        f'<line x1="{_x(at):.1f}" x2="{_x(at):.1f}" y1="{TOP - 6}" y2="{height - BOTTOM}"'
        f' class="grid"/><text x="{_x(at):.1f}" y="{height - 9}" class="tick mid">{text}</text>'
        for at, text in ticks
    ]


def _name(text: str, y: float) -> str:
    return f'<text x="{LEFT - 12}" y="{y + 4:.1f}" class="tick end">{escape(text)}</text>'


def _dot(share: Share, y: float, kind: str) -> str:
    lower, upper = share.interval
    value = share.value or 0.0
    title = f"{kind}: {share.hits:,} of {share.total:,} ({value:.1%})"
    return (
        f'<g class="{kind}"><title>{escape(title)}</title>'
        f'<line x1="{_x(lower):.1f}" x2="{_x(upper):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<circle cx="{_x(value):.1f}" cy="{y:.1f}" r="4.5"/></g>'
    )


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * share
