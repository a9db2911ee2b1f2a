"""The platform as somebody outside sees it: HTTP, the command line, SQL, Dagster's API and pids.

Nothing here reaches into the code under test: what a test learns, an operator could learn too.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from signal import SIGKILL, Signals
from typing import Any, TypeVar

import psutil
import requests

from tests.running_stack import PROJECT, RunningStack
from unmogrowp.warehouse.client import Warehouse

HEAL_SECONDS = 120
SYNC_SECONDS = 300
# A change of keys is known everywhere within this time: the contract of the collector.
KEY_SECONDS = 5.0

Answer = TypeVar("Answer")


class NotInTime(AssertionError):
    """Something that should have happened did not within its time."""


@dataclass(frozen=True)
class App:
    """An app as `unmogrowp app create` announced it."""

    app_id: str
    key_id: str
    write_key: str


@dataclass(frozen=True)
class Component:
    """One row of `unmogrowp status --json`."""

    name: str
    state: str
    pid: int | None
    port: int | None
    url: str | None


@dataclass(frozen=True)
class Finished:
    """A command that ended; true when it ended well."""

    command: str
    code: int
    output: str
    errors: str

    def __bool__(self) -> bool:
        return self.code == 0

    def __str__(self) -> str:
        return f"`{self.command}` ended with {self.code}:\n{self.output}\n{self.errors}"


def wait_until(
    ask: Callable[[], Answer | None], *, seconds: float, what: str, pause: float = 0.25
) -> Answer:
    """Ask again and again until the answer is true; return it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise NotInTime(f"{what}: not within {seconds:.0f} s; last answer: {answer!r}")
        time.sleep(pause)


class Platform:
    """One running installation, and whatever a client or an operator can do with it."""

    def __init__(self, stack: RunningStack) -> None:
        self.home = stack.home
        self.environment = dict(stack.environment)
        rows = self.components()
        self.collector_url = str(rows["collector"].url)
        self.clickhouse_url = str(rows["clickhouse"].url)
        self.dagster_url = str(rows["dagster-webserver"].url)
        self._last_key_at = 0.0

    # The command line ----------------------------------------------------------------------

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """Start a command and return at once; `environment` is on top of the stack's."""
        return subprocess.Popen(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=PROJECT,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self,
        *arguments: str,
        timeout: float = 120,
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a command to its end."""
        process = self.start(*arguments, environment=environment)
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
            errors += f"\nkilled after {timeout:.0f} s"
        return Finished(f"unmogrowp {' '.join(arguments)}", process.returncode, output, errors)

    def create_app(self, name: str, *, write_key: str = "") -> App:
        """Create an app; call `wait_for_keys` before its key is used."""
        given = ("--write-key", write_key) if write_key else ()
        created = self.run("app", "create", name, *given, "--json")
        assert created, created
        self._last_key_at = time.monotonic()
        answer = json.loads(created.output)
        return App(answer["app_id"], answer["key_id"], answer["write_key"])

    def sync(self, seconds: float = SYNC_SECONDS) -> Finished:
        """Land, attribute and reconcile everything acknowledged so far."""
        return self.run("sync", "--timeout", f"{seconds:.0f}", timeout=seconds + 30)

    # Components ----------------------------------------------------------------------------

    def components(self) -> dict[str, Component]:
        """Return what `status --json` says."""
        status = self.run("status", "--json")
        assert status, status
        return {
            row["name"]: Component(row["name"], row["state"], row["pid"], row["port"], row["url"])
            for row in json.loads(status.output)["components"]
        }

    def component(self, name: str) -> Component:
        """Return one row of `status --json`."""
        return self.components()[name]

    def pid(self, name: str) -> int:
        """Return the process of a component."""
        pid = self.component(name).pid
        assert pid is not None, f"{name} has no process"
        return pid

    def workers(self, name: str) -> list[int]:
        """Return the processes a component started and still has."""
        return [child.pid for child in psutil.Process(self.pid(name)).children(recursive=True)]

    def kill(self, name: str) -> int:
        """Kill a component's process without warning; return its pid."""
        pid = self.pid(name)
        self.signal(pid, SIGKILL)
        return pid

    @staticmethod
    def signal(pid: int, signal: Signals) -> None:
        """Send a signal to one process."""
        os.kill(pid, signal)

    def wait_healed(self, killed: Mapping[str, int], seconds: float = HEAL_SECONDS) -> float:
        """Wait until everything runs again, the killed ones with new pids; return how long."""
        began = time.monotonic()

        def is_healed() -> bool:
            rows = self.components()
            return all(row.state in ("running", "external") for row in rows.values()) and all(
                rows[name].pid != pid for name, pid in killed.items()
            )

        # Asking starts a process of its own each time: often enough is once a second.
        wait_until(is_healed, seconds=seconds, what=f"{', '.join(killed)} healed", pause=1.0)
        return time.monotonic() - began

    # HTTP ----------------------------------------------------------------------------------

    def post(
        self,
        path: str,
        body: bytes | Mapping[str, Any],
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request to the collector."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(
            f"{self.collector_url}{path}",
            data=content,
            headers={"Content-Type": "application/json", **(headers or {})},
            auth=None if key is None else (key, ""),
            timeout=30,
        )

    def touch(self, kind: str, fields: Mapping[str, str]) -> requests.Response:
        """Report a click or impression with a tracking link."""
        return requests.get(f"{self.collector_url}/v1/{kind}", params=dict(fields), timeout=30)

    def revoke(self, app: App) -> None:
        """Revoke the key of an app and wait until no collector takes it any more."""
        revoked = self.run("key", "revoke", app.key_id)
        assert revoked, revoked
        self._last_key_at = time.monotonic()
        self.wait_for_keys()

    def wait_for_keys(self) -> None:
        """Wait until every collector has read the keys created so far."""
        time.sleep(max(0.0, self._last_key_at + KEY_SECONDS - time.monotonic()))

    # SQL -----------------------------------------------------------------------------------

    @contextmanager
    def warehouse(self, account: str = "analyst") -> Iterator[Warehouse]:
        """Connect as one of the generated accounts."""
        password = (self.home / "secrets" / f"clickhouse-{account}").read_text().strip()
        warehouse = Warehouse.connect(
            self.clickhouse_url, account, password, read_only=account == "analyst"
        )
        try:
            yield warehouse
        finally:
            warehouse.close()

    def sql(self, query: str, **params: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query asked by the analyst."""
        with self.warehouse() as warehouse:
            return warehouse.rows(query, params)

    # Dagster -------------------------------------------------------------------------------

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask Dagster's API the way its own pages do.

        Each of its connections that died with PostgreSQL costs one answer 500.
        """
        for _ in range(4):
            answer = requests.post(
                f"{self.dagster_url}/graphql",
                json={"query": query, "variables": variables},
                timeout=30,
            )
            if answer.status_code != 500:
                break
        answer.raise_for_status()
        body = answer.json()
        assert "errors" not in body, body["errors"]
        return dict(body["data"])
