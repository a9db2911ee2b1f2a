"""Renders scorecards as one HTML page without anything from outside."""

from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from unmogrowp.scorecard.model import CreditScore, Scorecard, Share
from unmogrowp.scorecard.plot import bias_plot, share_plot

PLOTTED_MODELS = ("first", "last", "linear", "time_decay", "markov_1", "shapley")


def render_html(cards: Sequence[Scorecard], remark: str = "") -> str:
    """Return the page; `remark` is what else is to be known of these markets or their rules."""
    return _environment().get_template("scorecard.html.j2").render(cards=cards, remark=remark)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("unmogrowp.scorecard"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html.j2"]),
        keep_trailing_newline=True,
    )
    environment.filters.update(
        count=lambda value: f"{value:,}",
        percent=percent,
        share=share_text,
        attribution_plot=lambda card: _svg(share_plot(card.attribution, "Attribution")),
        rules_plot=lambda card: _svg(share_plot(card.rules, "Fraud rules")),
        credit_plot=lambda credit: _svg(bias_plot(credit, plotted_models(credit))),
    )
    return environment


def _svg(plot: str) -> Markup:
    """Return a plot as it is: it escapes the names it writes."""
    return Markup(plot)  # nosec B704 - our own SVG, whose texts are escaped


def percent(value: float) -> str:
    """Return a share for people."""
    return f"{value * 100:.1f} %"


def bounded(value: float, lower: float, upper: float) -> str:
    """Return a share with its interval."""
    return f"{percent(value)} ({lower * 100:.0f} to {upper * 100:.0f})"


def share_text(share: Share | None) -> str:
    """Return a share with its interval and what it is a share of; '' where none is asked for."""
    if share is None:
        return ""
    if share.value is None:
        return "none seen"
    return f"{bounded(share.value, *share.interval)} of {share.total:,}"


def plotted_models(credit: CreditScore) -> list[str]:
    """Return the models that are drawn: more than six bars a channel are too many."""
    models = list(dict.fromkeys(one.model for one in credit.biases))
    return [one for one in PLOTTED_MODELS if one in models] or models[:6]
