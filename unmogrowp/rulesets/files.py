"""Rulesets as YAML or JSON that people write, and errors that say where and what.

Durations may be written `7d` instead of milliseconds, under the name without `_ms`; `off` is no
window at all. Everything else has the names of the model.
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from unmogrowp.errors import ConfigurationError
from unmogrowp.rulesets.durations import milliseconds
from unmogrowp.rulesets.model import Ruleset

LARGEST_BYTES = 4 * 1024 * 1024


class RulesetInvalid(ConfigurationError):
    """The text is not a ruleset; the message names every place that is wrong."""


def read_ruleset(path: Path) -> Ruleset:
    """Read a ruleset from a `.json`, `.yaml` or `.yml` file.

    Raises:
        RulesetInvalid: The file is missing, too large, or not a ruleset.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RulesetInvalid(f"{path} cannot be read: {error}") from error
    if len(content) > LARGEST_BYTES:
        raise RulesetInvalid(f"{path} is larger than {LARGEST_BYTES // 1024 // 1024} MiB")
    return parse_ruleset(text, str(path))


def parse_ruleset(text: str, name: str = "ruleset") -> Ruleset:
    """Return the ruleset that a YAML or JSON text describes.

    Raises:
        RulesetInvalid: It describes none.
    """
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else _yaml(text)
    except (json.JSONDecodeError, yaml.YAMLError, RecursionError) as error:
        raise RulesetInvalid(f"{name} is neither YAML nor JSON: {_one_line(error)}") from error
    if not isinstance(document, dict):
        raise RulesetInvalid(f"{name} holds no ruleset: it has to begin with ruleset_id: …")
    try:
        return Ruleset.model_validate(_with_milliseconds(document, name))
    except ValidationError as error:
        faults = "".join(f"\n  {_place(one['loc'])}: {_says(one)}" for one in error.errors())
        raise RulesetInvalid(f"{name} is not a valid ruleset:{faults}") from error


class _PlainLoader(yaml.SafeLoader):  # type: ignore[misc]  # it has no types
    """Reads `on`, `off`, `yes` and `no` as words, as YAML 1.2 does, and refuses aliases.

    A few lines of aliases unfold into gigabytes.
    """

    yaml_implicit_resolvers = {
        first: [
            (tag, re.compile(r"(?:true|false)$") if tag == "tag:yaml.org,2002:bool" else pattern)
            for tag, pattern in resolvers
            if tag != "tag:yaml.org,2002:bool" or first in "tf"
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not allowed")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        names = [key.value for key, _ in node.value]
        twice = sorted({str(name) for name in names if names.count(name) > 1})
        if twice:
            raise yaml.YAMLError(f"{', '.join(twice)} stands twice in one place")
        return super().construct_mapping(node, deep)


def _yaml(text: str) -> Any:
    return yaml.load(text, Loader=_PlainLoader)  # nosec B506 (a SafeLoader)


_DURATIONS = frozenset(
    {"window", "inactivity", "before_slack", "after_slack", "min_ctit", "min_after_begin"}
)


def _with_milliseconds(value: Any, name: str, path: tuple[str | int, ...] = ()) -> Any:
    """Return the document with `window: 7d` as `window_ms: 604800000`."""
    if isinstance(value, list):
        return [_with_milliseconds(one, name, (*path, n)) for n, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    found: dict[Any, Any] = {}
    for key, given in value.items():
        if key not in _DURATIONS:
            found[key] = _with_milliseconds(given, name, (*path, str(key)))
            continue
        if f"{key}_ms" in value:
            raise RulesetInvalid(f"{name}: {_place((*path, key))}: {key} and {key}_ms are both set")
        try:
            found[f"{key}_ms"] = None if given in (None, "off") else milliseconds(str(given))
        except ValueError as error:
            raise RulesetInvalid(f"{name}: {_place((*path, key))}: {error}") from error
    return found


def _place(location: tuple[str | int, ...]) -> str:
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in location) or "it"


def _says(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        return "there is no such field"
    if fault["type"] == "missing":
        return "is missing"
    text = str(fault["msg"]).removeprefix("Value error, ")
    given = fault["input"]
    return text if isinstance(given, dict | list) else f"{text} (it is {given!r})"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
