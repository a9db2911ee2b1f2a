"""Secrets of the installation that are files: whole or not there, readable by their owner only."""

import os
from collections.abc import Callable
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def write_private(file: Path, content: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    _draft(file, content).replace(file)


def made_once(file: Path, make: Callable[[], str]) -> str:
    """Return the text of a file, making it at first use; processes that meet agree on one.

    Args:
        file: The file; its folder is made as well.
        make: Gives the text; called only where the file is not there.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        draft = _draft(file, make())
        try:
            os.link(draft, file)  # unlike rename, fails when another process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text()


def _draft(file: Path, content: str) -> Path:
    """Write the content beside the file, to the disk; return where."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    with os.fdopen(descriptor, "w") as opened:
        os.fchmod(descriptor, FILE_MODE)
        opened.write(content)
        opened.flush()
        os.fsync(descriptor)
    return draft
