"""Become a component: what the supervisor runs, `python -m local_stack.launch NAME`.

Ends what a killed predecessor left behind (workers that still hold the port), waits for what the
component needs, prepares it, and then *becomes* it, so that supervisor's child is the component.
Secrets are read here from their files and travel through neither arguments nor environment.
"""

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from local_stack import components, dagster_files, kafka, postgres, valkey
from local_stack.clickhouse import launch as clickhouse
from local_stack.data_folder import DataFolder
from local_stack.os_user import OsUser
from local_stack.ports import LOOPBACK, is_free
from local_stack.process_records import COMPONENT_MARK, HOME_MARK, ProcessRecords
from unmogrowp.errors import ConfigurationError, UnmogrowpError
from unmogrowp.settings import Settings, cache_folder, load_settings

WAIT_SECONDS = 120
# What foreign programs get of the environment: nothing the operator put there.
KEPT_FOR_SERVERS = ("PATH", "TZ", HOME_MARK, COMPONENT_MARK)


@dataclass(frozen=True)
class Command:
    """What to become."""

    arguments: list[str]
    environment: dict[str, str]
    user: OsUser | None = None
    before: Callable[[], None] = field(default=lambda: None)


def _server_environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_FOR_SERVERS if name in os.environ}
    return {**kept, "LANG": "C.UTF-8"}


def _python_module(module: str, *arguments: str, **environment: str) -> Command:
    spec = importlib.util.find_spec(module)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{module}.__main__")
    if spec is None:
        raise ConfigurationError(f"the module {module} does not exist in this installation")
    return Command([sys.executable, "-m", module, *arguments], {**os.environ, **environment})


def command_for(name: str, settings: Settings, home: DataFolder) -> Command:
    """Prepare a component and return what to become.

    Raises:
        ConfigurationError: It cannot be started like this.
    """
    if name == "kafka":
        port = components.component(name).port(settings)
        arguments = kafka.prepare(
            home.component(name),
            cache_folder(),
            port or 0,
            settings.ports.kafka_controller,
            settings.kafka.retention_hours,
        )
        return Command(arguments, _server_environment())
    if name == "clickhouse":
        return _clickhouse(settings, home)
    if name == "postgres":
        place = postgres.Place(home.component(name))
        password = settings.postgres.password.get_secret_value()
        arguments = postgres.prepare(place, settings.ports.postgres, password)
        return Command(arguments, _server_environment(), place.user)
    if name == "valkey":
        password = settings.redis.password.get_secret_value()
        arguments = valkey.prepare(home.component(name), settings.ports.valkey, password)
        return Command(arguments, _server_environment())
    if name == "collector":
        return _python_module("ingest_api")
    if name == "control-api":
        return _python_module("control_api")
    if name in ("dagster-code", "dagster-daemon", "dagster-webserver"):
        return _dagster(name, settings, home)
    raise ConfigurationError(f"there is no component {name}; there are {components.NAMES}")


def _clickhouse(settings: Settings, home: DataFolder) -> Command:
    arguments = clickhouse.launcher_command(
        home.component("clickhouse"), settings.ports.clickhouse, home.secrets
    )
    return Command(arguments, _server_environment())


def _dagster(name: str, settings: Settings, home: DataFolder) -> Command:
    environment = {"DAGSTER_HOME": str(home.dagster), **dagster_files.ENVIRONMENT}
    if name == "dagster-webserver":
        return _python_module("orchestration.webserver", **environment)
    if name == "dagster-daemon":
        workspace = str(home.dagster / "workspace.yaml")
        return _python_module("dagster._daemon", "run", "-w", workspace, **environment)
    return _python_module(
        "orchestration.code_server",
        *("-h", LOOPBACK, "-p", str(settings.dagster.code_port)),
        *("-m", "orchestration.definitions", "--location-name", "unmogrowp"),
        "--inject-env-vars-from-instance",
        **environment,
    )


def _wait(what: str, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    told = False
    while not is_so():
        if not told:
            _say(f"waits for {what}")
            told = True
        if time.monotonic() > deadline:
            raise ConfigurationError(f"{what} was not there for {WAIT_SECONDS} s")
        time.sleep(0.2)


def _say(sentence: str) -> None:
    sys.stderr.write(f"launcher: {sentence}\n")
    sys.stderr.flush()


def launch(name: str) -> None:
    """Become the component; returns only by an exception."""
    settings = load_settings()
    home = DataFolder(Path(settings.home))
    records = ProcessRecords(home.root)
    component = components.component(name)
    if component.ends_own_leftovers and records.sweep(name, grace_seconds=5):
        _say("ended what its killed predecessor left behind")
    records.write(name, os.getpid())
    for needed in component.restart_needs:
        other = components.component(needed)
        _wait(needed, lambda other=other: other.is_ready(settings, home))  # type: ignore[misc]
    port = component.port(settings)
    # A second gRPC server on one port would start without a word (SO_REUSEPORT).
    if port is not None:
        _wait(f"port {port}, which another program holds", lambda: is_free(port))
    command = command_for(name, settings, home)
    if command.user is not None:
        os.chdir("/")
        command.user.become()
    os.execve(command.arguments[0], command.arguments, command.environment)


def main() -> None:
    """Launch, or say in one line why not."""
    try:
        launch(sys.argv[1])
    except (UnmogrowpError, OSError) as error:
        _say(f"{sys.argv[1]} cannot start: {error}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
