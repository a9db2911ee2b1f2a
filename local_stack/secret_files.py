"""Passwords of the embedded components: generated once, one file each, readable by the owner only.

They appear in no environment, no command line and no other file that others can read; processes
get the path, or read the file themselves.
"""

import secrets
from pathlib import Path

from unmogrowp.control.private_files import FOLDER_MODE, made_once


def ensure_secret(folder: Path, name: str) -> str:
    """Return the secret, generating it at first: 32 random bytes, URL-safe."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(FOLDER_MODE)
    return made_once(folder / name, lambda: secrets.token_urlsafe(32)).strip()
