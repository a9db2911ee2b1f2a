"""Markets of one shape taken together: more installs, narrower intervals."""

from collections.abc import Sequence

from unmogrowp.scorecard.model import Score, Scorecard, Share


def by_shape(cards: Sequence[Scorecard]) -> dict[str, list[Scorecard]]:
    """Return the scorecards of each shape, shapes in the order of their first."""
    found: dict[str, list[Scorecard]] = {}
    for card in cards:
        found.setdefault(card.shape, []).append(card)
    return found


def pool(parts: Sequence[Sequence[Score]]) -> tuple[Score, ...]:
    """Add up the lines of several scorecards by subject, in the order of their first."""
    lines: dict[str, list[Score]] = {}
    for part in parts:
        for score in part:
            lines.setdefault(score.subject, []).append(score)
    return tuple(
        Score(
            subject,
            precision=_sum([one.precision for one in scores]),
            recall=_sum([one.recall for one in scores]),
            exact=_sum([one.exact for one in scores]),
            note=scores[0].note,
        )
        for subject, scores in lines.items()
    )


def _sum(shares: Sequence[Share | None]) -> Share | None:
    given = [one for one in shares if one is not None]
    if not given:
        return None
    return Share(sum(one.hits for one in given), sum(one.total for one in given))
