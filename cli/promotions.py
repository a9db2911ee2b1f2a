"""What the control database says of rulesets, for commands that decide or judge by them."""

from pathlib import Path

from cli.control import control_session
from unmogrowp.control.apps import Refused
from unmogrowp.control.rulesets import find_ruleset, list_promotions
from unmogrowp.errors import ConfigurationError
from unmogrowp.rulesets import PRESETS, Ruleset, read_ruleset
from unmogrowp.rulesets.assignment import Promotion, all_deciding
from unmogrowp.settings import Settings


def read_promotions(settings: Settings) -> list[Promotion]:
    """Return every promotion in the order in which they were recorded.

    Raises:
        ConfigurationError: No PostgreSQL is known.
    """
    with control_session(settings) as opened:
        return list_promotions(opened)


def deciding_versions(settings: Settings, ruleset_id: str) -> list[Ruleset]:
    """Return every version of a ruleset that decides on some day; if none does, the newest.

    Raises:
        ConfigurationError: No PostgreSQL is known.
        Refused: There is no such ruleset.
    """
    with control_session(settings) as opened:
        promotions = list_promotions(opened)
        found = [one for one in all_deciding(promotions) if one.ruleset_id == ruleset_id]
        return found or [find_ruleset(opened, ruleset_id)]


def ruleset_of(settings: Settings, name: str) -> Ruleset:
    """Return the ruleset that a person named: a preset, one that was added, or a file.

    Raises:
        ConfigurationError: It is none of these; or no PostgreSQL is known.
    """
    if name in PRESETS:
        return PRESETS[name]
    if Path(name).suffix in (".yaml", ".yml", ".json") or Path(name).is_file():
        return read_ruleset(Path(name))
    try:
        return deciding_versions(settings, name)[-1]
    except Refused as error:
        raise ConfigurationError(
            f"{name} is no file, no preset ({', '.join(PRESETS)}) and no ruleset that was added;"
            " `unmogrowp ruleset list` shows all"
        ) from error
