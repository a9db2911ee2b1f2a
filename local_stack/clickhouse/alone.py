"""The server alone, without the rest of the stack: for tests, benchmarks and trials."""

import contextlib
import os
import secrets
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from local_stack.alone import running
from local_stack.clickhouse.launch import launcher_command
from local_stack.ports import any_free_port


class RunningServer(NamedTuple):
    """Where a server listens and how one gets in."""

    url: str
    pipeline_password: str
    analyst_password: str


@contextlib.contextmanager
def running_clickhouse(folder: Path, *options: str) -> Iterator[RunningServer]:
    """Run a server on a folder (its data stay there) and stop it afterwards.

    Args:
        folder: Where data, secrets and the log go; made if absent.
        options: Further options of `python -m local_stack.clickhouse`.
    """
    with started_clickhouse(folder, *options) as (server, _process):
        yield server


@contextlib.contextmanager
def started_clickhouse(
    folder: Path, *options: str
) -> Iterator[tuple[RunningServer, "subprocess.Popen[bytes]"]]:
    """As `running_clickhouse`, with the process for those who kill it."""
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    passwords = [
        _secret(folder / "secrets", name) for name in ("clickhouse-pipeline", "clickhouse-analyst")
    ]
    port = any_free_port(())
    command = launcher_command(folder / "clickhouse", port, folder / "secrets", options=options)
    url = f"http://127.0.0.1:{port}"
    # `running` puts the interpreter and -m in front itself.
    with running(
        command[2:], folder / "clickhouse.log", lambda: answers(url), 60, signal.SIGTERM
    ) as process:
        yield RunningServer(url, *passwords), process


def answers(url: str) -> bool:
    """Tell whether a server is ready."""
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=2):  # nosec B310
            return True
    except (urllib.error.URLError, OSError):
        return False


def _secret(folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / name
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(32))
    return file.read_text().strip()
