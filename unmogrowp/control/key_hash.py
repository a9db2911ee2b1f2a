"""Write keys are kept as keyed hashes; the hash key (pepper) is a file outside the database.

A stolen copy of the database therefore lets nobody send in an app's name, and one hash costs a
microsecond: keys have too much entropy to need a slow hash.
"""

import os
import secrets
from hashlib import blake2b
from pathlib import Path

from unmogrowp.errors import ConfigurationError

PEPPER_FILE = "key-pepper"
MIN_PEPPER_CHARACTERS = 32


def hash_key(write_key: str, pepper: bytes) -> str:
    """Return the hex BLAKE2b of a key under the pepper."""
    return blake2b(write_key.encode(), key=pepper, digest_size=32).hexdigest()


def ensure_pepper(secrets_folder: Path) -> bytes:
    """Return the installation's pepper, making it once; two processes agree on one.

    Raises:
        ConfigurationError: The file is there but holds no usable value.
    """
    file = secrets_folder / PEPPER_FILE
    if not file.exists():
        secrets_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = secrets_folder / f".{PEPPER_FILE}.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.token_hex(32) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        try:
            os.link(draft, file)  # unlike rename, fails when another process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    text = file.read_text().strip()
    if len(text) < MIN_PEPPER_CHARACTERS:
        raise ConfigurationError(
            f"{file} must hold at least {MIN_PEPPER_CHARACTERS} random characters"
        )
    return blake2b(text.encode(), digest_size=32).digest()
