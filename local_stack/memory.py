"""How much memory each component really takes: PSS, which counts shared pages once.

python -m local_stack.memory        a Markdown table of the running stack, for the docs
"""

import sys
from pathlib import Path

import psutil

from local_stack.data_folder import DataFolder
from local_stack.process_records import ProcessRecords
from unmogrowp.settings import home_folder

KIB_PER_MIB = 1024


def by_component(home: DataFolder) -> dict[str, float]:
    """Return MiB per component, its workers and runs included; `supervisor` too."""
    found: dict[str, float] = {}
    for name, process in ProcessRecords(home.root).living():
        found[name] = found.get(name, 0) + pss_mib(process)
    return found


def pss_mib(process: psutil.Process) -> float:
    """Return the proportional set size; the resident size where the kernel does not tell."""
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / KIB_PER_MIB
    except OSError:
        pass
    try:
        return float(process.memory_info().rss) / KIB_PER_MIB / KIB_PER_MIB
    except psutil.Error:
        return 0.0


def main() -> None:
    """Print the table."""
    used = by_component(DataFolder(home_folder().resolve()))
    lines = ["| component | MiB (PSS) |", "|---|---|"]
    lines += [f"| {name} | {mib:.0f} |" for name, mib in sorted(used.items())]
    lines.append(f"| **all** | **{sum(used.values()):.0f}** |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
