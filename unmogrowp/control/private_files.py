"""Secrets of the installation that are files: made once, whole, readable by their owner only."""

import os
from collections.abc import Callable
from pathlib import Path


def made_once(file: Path, make: Callable[[], str]) -> str:
    """Return the text of a file, making it at first use; processes that meet agree on one.

    Args:
        file: The file; its folder is made as well.
        make: Gives the text; called only where the file is not there.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(make())
            opened.flush()
            os.fsync(opened.fileno())
        try:
            os.link(draft, file)  # unlike rename, fails when another process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text()
