"""The gate of `scripts/check`: `python -m orchestration.validate`.

Definitions load in a fresh interpreter without any server, the workspace names them, and a person
who opens the UI finds an owner, a grain, columns and checks on every asset.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_shared.yaml_utils import load_yaml_from_path

from assets.tables import CONTRACT_CHECK, DRIFT_CHECK

ROOT = Path(__file__).parent.parent
MODULE = "orchestration.definitions"
_LOAD_TIMEOUT_S = 120


def faults() -> Iterator[str]:
    """Yield every fault as a sentence."""
    yield from workspace_faults()
    done = subprocess.run(  # nosec B603 - our own interpreter and module
        [sys.executable, "-W", "ignore", "-c", f"import {MODULE}"],
        cwd=ROOT,
        # No data folder, no settings: whatever needs a server at import fails here.
        env={"PATH": "/usr/bin:/bin", "UNMOGROWP_HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=_LOAD_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        yield f"{MODULE} does not load in a fresh interpreter:\n{done.stderr.strip()}"
        return
    from orchestration.definitions import defs

    dg.Definitions.validate_loadable(defs)
    yield from asset_faults(defs)
    yield from heavy_imports()


def workspace_faults() -> Iterator[str]:
    """Compare workspace.yaml with pyproject.toml: different names make two code locations."""
    workspace: Any = load_yaml_from_path(str(ROOT / "workspace.yaml"))
    entries = [entry.get("python_module", {}) for entry in workspace["load_from"]]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    expected = {
        "module_name": project["code_location_target_module"],
        "location_name": project["code_location_name"],
    }
    if entries != [expected]:
        yield f"workspace.yaml names {entries}, pyproject.toml {expected}"


def asset_faults(defs: dg.Definitions) -> Iterator[str]:
    """Look at every asset for what the UI would lack."""
    graph = defs.resolve_asset_graph()
    checks: dict[dg.AssetKey, set[str]] = {}
    for check in graph.asset_check_keys:
        checks.setdefault(check.asset_key, set()).add(check.name)
    for key in sorted(graph.get_all_asset_keys()):
        node = graph.get(key)
        name = key.to_user_string()
        if len(key.path) != 2:
            yield f"{name}: the key is not [database, table]"
        if not node.owners:
            yield f"{name}: no owner"
        if not node.group_name or node.group_name == "default":
            yield f"{name}: no group"
        if not (node.description or "").strip():
            yield f"{name}: no description"
        if not node.kinds:
            yield f"{name}: no kind"
        if not node.metadata.get("dagster/column_schema"):
            yield f"{name}: no column schema"
        missing = {CONTRACT_CHECK, DRIFT_CHECK} - checks.get(key, set())
        if missing:
            yield f"{name}: lacks the checks {', '.join(sorted(missing))}"


def heavy_imports() -> Iterator[str]:
    """Every run loads the definitions; Great Expectations would cost it seconds."""
    if "great_expectations" in sys.modules:
        yield "great_expectations is imported when definitions load"


def main() -> None:
    """Print faults, one per line, and exit 1 if there are any."""
    found = list(faults())
    for fault in found:
        sys.stderr.write(f"{fault}\n")
    if found:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
