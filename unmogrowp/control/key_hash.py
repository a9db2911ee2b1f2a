"""Write keys are kept as keyed hashes; the hash key (pepper) is a file outside the database.

A stolen copy of the database therefore lets nobody send in an app's name, and one hash costs a
microsecond: keys have too much entropy to need a slow hash.
"""

import secrets
from hashlib import blake2b
from pathlib import Path

from unmogrowp.control.private_files import made_once
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
    text = made_once(file, lambda: secrets.token_hex(32) + "\n").strip()
    if len(text) < MIN_PEPPER_CHARACTERS:
        raise ConfigurationError(
            f"{file} must hold at least {MIN_PEPPER_CHARACTERS} random characters"
        )
    return blake2b(text.encode(), digest_size=32).digest()
