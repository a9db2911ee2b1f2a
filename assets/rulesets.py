"""Which rulesets decide a day, as the control database says at the moment of asking."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from unmogrowp.rulesets import Ruleset
from unmogrowp.rulesets.assignment import Promotion, all_deciding


@dataclass(frozen=True, slots=True)
class RulesetBook:
    """Reads the promotions; builders ask under the pipeline lock, which promoting holds as well.

    A run that had read them when it began would build a day by rules that were replaced meanwhile,
    and take the day off the queue.
    """

    read: Callable[[], Sequence[Promotion]] = tuple

    def all(self) -> tuple[Ruleset, ...]:
        """Return every ruleset that decides on any day; late touches may reach by any of them."""
        return all_deciding(self.read())
