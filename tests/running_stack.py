"""The embedded stack as tests see it: started through the real command line, in its own folder."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_stack.addresses import OWNERS
from unmogrowp.settings import Settings

PROJECT = Path(__file__).parent.parent
UP_TIMEOUT_SECONDS = 500


@dataclass(frozen=True)
class RunningStack:
    """A stack on free ports; `environment` is what a command needs to find it."""

    home: Path
    environment: Mapping[str, str] = field(repr=False)

    def run(
        self, *arguments: str, timeout: float = 120, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `unmogrowp …` as a person would; the result is not checked."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=PROJECT,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def ok(self, *arguments: str, timeout: float = 120) -> str:
        """Run `unmogrowp …`, which must succeed, and return what it printed."""
        done = self.run(*arguments, timeout=timeout)
        assert done.returncode == 0, f"unmogrowp {arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def components(self) -> dict[str, dict[str, Any]]:
        """Return what `status --json` says, by name."""
        rows = json.loads(self.ok("status", "--json"))["components"]
        return {row["name"]: row for row in rows}

    def wait_until_running(
        self, name: str, *, other_than_pid: int | None = None, seconds: float = 240
    ) -> dict[str, Any]:
        """Wait until a component is ready, in a new process if asked; return its row."""
        former = {name: (other_than_pid,)} if other_than_pid is not None else {}
        return self._wait(lambda rows: [rows[name]], former, seconds)[name]

    def wait_until_all_run(
        self, *, other_than: Mapping[str, int], seconds: float = 240
    ) -> dict[str, dict[str, Any]]:
        """Wait until every component is ready, some of them in new processes; return the rows."""
        former = {name: (pid,) for name, pid in other_than.items()}
        return self._wait(lambda rows: list(rows.values()), former, seconds)

    def _wait(
        self,
        wanted: Callable[[dict[str, dict[str, Any]]], list[dict[str, Any]]],
        former_pids: Mapping[str, tuple[int]],
        seconds: float,
    ) -> dict[str, dict[str, Any]]:
        deadline = time.monotonic() + seconds
        while True:
            rows = self.components()
            late = [
                row
                for row in wanted(rows)
                if row["state"] != "running" or row["pid"] in former_pids.get(row["name"], ())
            ]
            if not late:
                return rows
            assert time.monotonic() < deadline, f"{late}\n{self.log(late[0]['name'])}"
            time.sleep(0.3)

    def log(self, name: str) -> str:
        """Return the end of a component's log."""
        return self.run("logs", name, "-n", "60").stdout

    def secret(self, name: str) -> str:
        """Return a generated password."""
        return (self.home / "secrets" / name).read_text().strip()

    def settings(self) -> Settings:
        """Return the settings as a process of this stack sees them."""
        program = (
            "from unmogrowp.settings import load_settings;"
            "print(load_settings().model_dump_json(exclude={'home'}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=PROJECT,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=True,
        )
        plain = Settings.model_validate_json(done.stdout)
        plain.home = self.home
        plain.clickhouse.password = type(plain.clickhouse.password)(
            self.secret("clickhouse-pipeline")
        )
        plain.clickhouse.analyst_password = type(plain.clickhouse.password)(
            self.secret("clickhouse-analyst")
        )
        plain.postgres.password = type(plain.postgres.password)(self.secret("postgres"))
        plain.redis.password = type(plain.redis.password)(self.secret("valkey"))
        return plain


@contextmanager
def open_folder(prefix: str) -> Iterator[Path]:
    """Give a temporary folder that other users can pass through, as PostgreSQL's must."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def prepared_stack(**variables: str) -> Iterator[RunningStack]:
    """Give a folder and an environment on free ports; whatever was started is stopped after it."""
    with open_folder("unmogrowp-") as folder:
        kept = {n: v for n, v in os.environ.items() if not n.startswith("UNMOGROWP_")}
        if "UNMOGROWP_CACHE" in os.environ:
            kept["UNMOGROWP_CACHE"] = os.environ["UNMOGROWP_CACHE"]
        home = folder / "var"
        ports = {f"UNMOGROWP_{name.replace('.', '__').upper()}": "0" for name in OWNERS}
        environment = {**kept, "UNMOGROWP_HOME": str(home), **ports, **variables}
        stack = RunningStack(home, environment)
        try:
            yield stack
        finally:
            stack.run("down")
            stack.run("reset", "--yes")


@contextmanager
def running_stack(*only: str, **variables: str) -> Iterator[RunningStack]:
    """Start a stack (or the components `only`), and stop it afterwards."""
    with prepared_stack(**variables) as stack:
        options = [part for name in only for part in ("--only", name)]
        stack.ok("up", "--detach", *options, timeout=UP_TIMEOUT_SECONDS)
        yield stack
