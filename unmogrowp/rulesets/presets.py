"""Rulesets that come with the project: ours, and others named after the field's defaults.

`…_like` means what the name says: the published defaults of a vendor, with the source of each
value and a mark where the source gives only a range. They are not the vendor's own code.
"""

from importlib import resources

from unmogrowp.rulesets.files import parse_ruleset
from unmogrowp.rulesets.model import Ruleset

NAMES = (
    "ours",
    "appsflyer_like",
    "adjust_like",
    "branch_like",
    "singular_like",
    "kochava_like",
    "airbridge_like",
)


def preset_text(name: str) -> str:
    """Return the YAML of a preset, to begin an own ruleset from."""
    return (resources.files("unmogrowp.rulesets") / "preset_files" / f"{name}.yaml").read_text()


PRESETS: dict[str, Ruleset] = {name: parse_ruleset(preset_text(name), name) for name in NAMES}
OURS = PRESETS["ours"]
