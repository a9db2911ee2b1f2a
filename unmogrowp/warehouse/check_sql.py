"""Gate: every SQL file parses in the engine itself (`EXPLAIN AST`), not in somebody's dialect.

`python -m unmogrowp.warehouse.check_sql`: one line per file that does not parse; exit code 1 then.
"""

import re
import sys
import tempfile
from pathlib import Path

from unmogrowp.errors import QueryFailed
from unmogrowp.warehouse.client import Warehouse
from unmogrowp.warehouse.migration_files import render, split_statements

HERE = Path(__file__).parent
_PARAMETER = re.compile(r"\{\s*(?P<name>\w+)\s*:\s*(?P<type>[^{}]+?)\s*\}")
FORBIDDEN = re.compile(r"\b(now64|now|today|yesterday|rand|rand64|generateUUIDv4)\s*\(", re.I)


def faults_of(warehouse: Warehouse, file: Path) -> list[str]:
    """Return what is wrong with one file, in words."""
    faults = []
    text = file.read_text(encoding="utf-8")
    for cluster in ("", "some_cluster"):
        for statement in split_statements(render(text, cluster)):
            try:
                warehouse.rows(f"EXPLAIN AST {statement}", sample_parameters(statement))
            except QueryFailed as error:
                faults.append(f"{file}: {str(error).splitlines()[0][:400]}")
    found = FORBIDDEN.search(re.sub(r"--[^\n]*", "", text))
    if found:
        faults.append(f"{file}: {found.group(0)}…): instants come in as parameters")
    return faults


def sample_parameters(statement: str) -> dict[str, object]:
    """Return a value for every `{name:Type}`: the engine substitutes before it parses."""
    samples: tuple[tuple[str, object], ...] = (
        ("Array", []),
        ("Map", {}),
        ("DateTime", "2026-01-01 00:00:00"),
        ("Date", "2026-01-01"),
        ("String", "x"),
        ("LowCardinality", "x"),
        ("Identifier", "x"),
        ("Bool", "true"),
        ("UUID", "00000000-0000-0000-0000-000000000000"),
    )
    return {
        match["name"]: next(
            (value for prefix, value in samples if match["type"].startswith(prefix)), 1
        )
        for match in _PARAMETER.finditer(statement)
    }


def main() -> int:
    """Check all files; return the exit code."""
    files = sorted([*HERE.glob("migrations/*.sql"), *HERE.glob("queries/**/*.sql")])
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse.embedded(folder)
        faults = [fault for file in files for fault in faults_of(warehouse, file)]
        warehouse.close()
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    sys.stdout.write(f"{len(files)} SQL files, {len(faults)} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
