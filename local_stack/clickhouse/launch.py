"""How a supervisor starts the server, and how the passwords reach it without leaving a trace.

The supervised program is this module (`python -m local_stack.clickhouse.launch ...`). It reads the
password files as their owner, makes salted hashes of them, puts those into a pipe and then becomes
the server by `exec`: same process id, an empty environment, nothing on its command line.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from local_stack.alone import die_with_parent
from local_stack.clickhouse.accounts import account_of, to_document
from unmogrowp.errors import ConfigurationError


def launcher_command(
    folder: Path,
    port: int,
    secrets_folder: Path,
    *,
    host: str = "127.0.0.1",
    options: tuple[str, ...] = (),
) -> list[str]:
    """Return the command that a supervisor runs.

    Args:
        folder: Data folder of the server; made if absent.
        port: Port to listen on.
        secrets_folder: Holds the files `clickhouse-pipeline` and `clickhouse-analyst`.
        host: Address to listen on.
        options: Further options of `python -m local_stack.clickhouse`.
    """
    return [
        sys.executable, "-m", "local_stack.clickhouse.launch",
        "--secrets", str(secrets_folder), "--",
        "--path", str(folder), "--host", host, "--port", str(port), *options,
    ]  # fmt: skip


def become_server(pipeline_password: str, analyst_password: str, options: list[str]) -> NoReturn:
    """Replace this process by the server. Does not return."""
    document = to_document(
        [
            account_of("pipeline", "pipeline", pipeline_password),
            account_of("analyst", "analyst", analyst_password),
        ]
    )
    descriptor = handed_over(document)
    command = server_command([*options, "--accounts-fd", str(descriptor)])
    os.execve(command[0], command, {})  # nosec B606


def server_command(options: list[str]) -> list[str]:
    """Return the server's own command; `-I` keeps the current folder and PYTHON* out of it."""
    return [sys.executable, "-I", "-m", "local_stack.clickhouse", *options]


def handed_over(document: bytes) -> int:
    """Put a small document into a pipe and return its reading end, inherited by `exec`."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(document)
    os.set_inheritable(reading, True)
    return reading


def _password(folder: Path, name: str) -> str:
    file = folder / name
    try:
        password = file.read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    if len(password) < 16:
        raise ConfigurationError(f"{file} holds no usable password (16 characters or more)")
    return password


def main() -> None:
    """Read the passwords and become the server."""
    die_with_parent()
    parser = argparse.ArgumentParser(
        prog="python -m local_stack.clickhouse.launch", description=__doc__,
        epilog="example: python -m local_stack.clickhouse.launch --secrets var/secrets -- "
        "--path var/clickhouse --port 8123",
    )  # fmt: skip
    parser.add_argument("--secrets", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("options", nargs="*", help="options of python -m local_stack.clickhouse")
    chosen = parser.parse_args()
    try:
        become_server(
            _password(chosen.secrets, "clickhouse-pipeline"),
            _password(chosen.secrets, "clickhouse-analyst"),
            chosen.options,
        )
    except ConfigurationError as error:
        sys.exit(f"clickhouse: {error}")


if __name__ == "__main__":
    main()
