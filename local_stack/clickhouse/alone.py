"""The server alone, without the rest of the stack: for tests, benchmarks and trials."""

import contextlib
import os
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from local_stack.clickhouse.launch import launcher_command
from unmogrowp.errors import ConfigurationError


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
    folder = Path(folder)
    passwords = [
        _secret(folder / "secrets", name) for name in ("clickhouse-pipeline", "clickhouse-analyst")
    ]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = launcher_command(folder / "clickhouse", port, folder / "secrets", options=options)
    log_file = folder / "clickhouse.log"
    with log_file.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process, log_file)
        yield RunningServer(url, *passwords), process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(
    url: str, process: "subprocess.Popen[bytes]", log_file: Path, seconds: float = 60
) -> None:
    """Wait until the server answers.

    Raises:
        ConfigurationError: It ended, or did not answer in time; the message has its last words.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/ping", timeout=2):  # nosec B310
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    words = log_file.read_text(errors="replace")[-2000:]
    raise ConfigurationError(f"the ClickHouse server did not become ready: {words}")


def _secret(folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / name
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(32))
    return file.read_text().strip()
