"""Passwords of the embedded components: generated once, one file each, readable by the owner only.

They appear in no environment, no command line and no other file that others can read; processes
get the path, or read the file themselves.
"""

import os
import secrets
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def write_private(file: Path, content: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    try:
        os.fchmod(descriptor, FILE_MODE)
        os.write(descriptor, content.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(file)


def ensure_secret(folder: Path, name: str) -> str:
    """Return the secret, generating it at first: 32 random bytes, URL-safe."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(FOLDER_MODE)
    file = folder / name
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32))
    return file.read_text().strip()
