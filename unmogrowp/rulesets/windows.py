"""Windows of many campaigns at once: what `Ruleset.window_of` says, by look-ups instead of a scan.

A ruleset may hold thousands of overrides and a day thousands of campaigns; asking every override
about every campaign would take minutes.
"""

from collections.abc import Iterable
from itertools import product

from unmogrowp.rulesets.model import MatchMethod, MatchRule, Ruleset, TouchType

# In SQL: no such rule at all, and a rule that is off.
ABSENT = -2
OFF = -1

Campaign = tuple[str, str, str]


class WindowTable:
    """Windows of a ruleset per (app, media source, campaign), as the SQL wants them."""

    def __init__(self, ruleset: Ruleset) -> None:
        named = {*(rule.method for rule in ruleset.rules), *ruleset.method_order}
        self.order = [
            *ruleset.method_order,
            *(method for method in MatchMethod if method not in named),
        ]
        self._ruleset = ruleset
        self._by_selector = {one.selector: one.window_ms for one in ruleset.overrides}
        self._apps = {one.app_id for one in ruleset.overrides if not one.media_source}
        self._sources = {one.media_source for one in ruleset.overrides if one.media_source}

    def base(self, touch_type: TouchType) -> list[int]:
        """Return the windows that count without an override, in the order of methods."""
        return [_number(self._ruleset.rule(touch_type, method)) for method in self.order]

    def is_special(self, campaign: Campaign) -> bool:
        """Return whether an override may speak about touches of a campaign."""
        return campaign[0] in self._apps or campaign[1] in self._sources

    def of(self, campaign: Campaign, touch_type: TouchType) -> list[int]:
        """Return the windows of one campaign, in the order of methods."""
        return [
            self._window(campaign, self._ruleset.rule(touch_type, method)) for method in self.order
        ]

    def special(self, campaigns: Iterable[Campaign]) -> list[tuple[Campaign, list[int], list[int]]]:
        """Return campaigns with windows of their own, and those for clicks and impressions."""
        return [
            (one, self.of(one, TouchType.CLICK), self.of(one, TouchType.IMPRESSION))
            for one in campaigns
            if self.is_special(one)
        ]

    def _window(self, campaign: Campaign, rule: MatchRule | None) -> int:
        if rule is None:
            return ABSENT
        app_id, media_source, name = campaign
        # The order of the product is that of precedence: campaign, source, app, method, touch type.
        for selector in product(
            *((value, "") for value in (name, media_source, app_id, rule.method, rule.touch_type))
        ):
            if selector in self._by_selector:
                found = self._by_selector[selector]
                return OFF if found is None else found
        return _number(rule)


def _number(rule: MatchRule | None) -> int:
    if rule is None:
        return ABSENT
    return OFF if rule.window_ms is None else rule.window_ms
