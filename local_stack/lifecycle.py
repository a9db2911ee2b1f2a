"""Up, down, reset: the whole stack of one data folder."""

import fcntl
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from local_stack import dagster_files, kafka_jars, os_user, postgres, preflight
from local_stack.addresses import choose_addresses, write_stack_file
from local_stack.alone import last_lines
from local_stack.components import COMPONENTS, NAMES
from local_stack.data_folder import DataFolder
from local_stack.preparation import PREPARATIONS
from local_stack.process_records import COMPONENT_MARK, ProcessRecords
from local_stack.secret_files import ensure_secret
from local_stack.starting import (
    TIMEOUT_SECONDS,
    Report,
    StartFailed,
    Step,
    chosen_steps,
    start_all,
)
from local_stack.supervision import Supervisor
from unmogrowp.errors import ConfigurationError, PermanentError
from unmogrowp.settings import (
    OperatorSettings,
    Settings,
    cache_folder,
    is_in_environment,
    load_settings,
)

SECRETS = ("clickhouse-pipeline", "clickhouse-analyst", "postgres", "valkey", "key-pepper")
EXTERNAL_TIMEOUT_SECONDS = 30
SHUTDOWN_SECONDS = 90


class AlreadyRunning(PermanentError):
    """A stack runs on this data folder."""


@dataclass(frozen=True)
class Listener:
    """Whom `up` tells what happens."""

    say: Callable[[str], None]  # a sentence for people
    step: Report  # a step changed its state
    download: kafka_jars.Progress  # bytes done, bytes in all


@contextmanager
def _exclusively(home: DataFolder) -> Iterator[None]:
    """Keep a second `up`, `down` or `reset` of the folder out while one works."""
    with (home.run / "lifecycle.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"another `unmogrowp up` or `down` is at work on {home.root}; wait for it"
            ) from error
        yield


def up(home: DataFolder, listener: Listener, only: Collection[str] = ()) -> None:
    """Start everything and return when it is ready; what was started is stopped on failure.

    Args:
        home: The data folder.
        listener: Whom to tell what happens.
        only: Components to start, with what they need; empty: all.

    Raises:
        AlreadyRunning: A stack runs on this folder.
        ConfigurationError: The machine or the settings do not allow it.
        StartFailed: A component did not become ready; the message ends with its last log lines.
    """
    if unknown := set(only) - set(NAMES):
        raise ConfigurationError(
            f"there is no component {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}"
        )
    home.make()
    with _exclusively(home):
        supervisor = Supervisor(home)
        if (pid := supervisor.pid()) is not None:
            raise AlreadyRunning(
                f"the stack of {home.root} is running already (supervisor {pid}); "
                "see `unmogrowp status`, stop it with `unmogrowp down`"
            )
        records = ProcessRecords(home.root)
        if left := records.sweep():
            listener.say(f"Stopped what an earlier stack left behind: {', '.join(left)}.")
        records.forget()
        external = _configure(home, listener)
        settings = load_settings()
        if "kafka" not in external:
            kafka_jars.ensure_jars(cache_folder(), listener.download)
        try:
            _start(home, supervisor, settings, external, only, listener)
        except BaseException:
            _stop_everything(home, supervisor)
            raise


def _configure(home: DataFolder, listener: Listener) -> frozenset[str]:
    """Check the machine, choose addresses, write the files; return the external components."""
    operator = load_settings(OperatorSettings)
    addresses = choose_addresses(operator, load_settings(), is_in_environment)
    machine = preflight.look_at_machine(home.root, cache_folder())
    findings = preflight.judge(machine, home.root, addresses.external)
    if fatal := [finding.sentence for finding in findings if finding.stops]:
        raise ConfigurationError("the stack cannot start here:\n  " + "\n  ".join(fatal))
    for finding in findings:
        listener.say(finding.sentence)
    for sentence in addresses.moved:
        listener.say(f"{sentence[0].upper()}{sentence[1:]}.")
    for name in SECRETS:
        ensure_secret(home.secrets, name)
    write_stack_file(home.stack_file, addresses)
    settings = load_settings()
    dagster_files.write_dagster_files(settings, home)
    if "postgres" not in addresses.external:
        _explain_postgres(home, listener)
    return addresses.external


def _explain_postgres(home: DataFolder, listener: Listener) -> None:
    place = postgres.Place(home.component("postgres"))
    if place.is_elsewhere:
        listener.say(
            f"PostgreSQL runs as the user {place.user.name}, who cannot enter {home.root}: its "
            f"data is in {place.folder}."
        )


def _start(
    home: DataFolder,
    supervisor: Supervisor,
    settings: Settings,
    external: frozenset[str],
    only: Collection[str],
    listener: Listener,
) -> None:
    own = [component for component in COMPONENTS if component.name not in external]
    steps = [
        Step(
            component.name,
            component.after,
            is_ready=lambda component=component: component.is_ready(settings, home),  # type: ignore[misc]
            is_program=component.name not in external,
            timeout_seconds=EXTERNAL_TIMEOUT_SECONDS
            if component.name in external
            else TIMEOUT_SECONDS,
        )
        for component in COMPONENTS
    ]
    steps += [
        Step(step.name, step.after, run=lambda step=step: step.run(settings))  # type: ignore[misc]
        for step in PREPARATIONS
    ]
    environment = {**os.environ, "UNMOGROWP_CACHE": str(cache_folder())}
    environment.pop(COMPONENT_MARK, None)
    supervisor.start([component.program for component in own], environment)
    try:
        start_all(chosen_steps(steps, only), supervisor, listener.step)
    except StartFailed as error:
        if error.name in external:
            raise
        log = home.log(error.name)
        raise StartFailed(
            error.name, f"{str(error).partition(' ')[2]}; {log} ends with:\n{last_lines(log)}"
        ) from error


def down(home: DataFolder) -> list[str]:
    """Stop everything, orphans too; return the names of what had to be ended outside supervision.

    Raises:
        AlreadyRunning: Another `up` or `down` is at work.
    """
    if not home.run.exists():
        return []
    with _exclusively(home):
        return _stop_everything(home, Supervisor(home))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let a second Ctrl-C not leave half of a shutdown."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop_everything(home: DataFolder, supervisor: Supervisor) -> list[str]:
    with _undisturbed():
        return _stop_in_order(home, supervisor)


def _stop_in_order(home: DataFolder, supervisor: Supervisor) -> list[str]:
    with suppress(OSError):  # a supervisor that dies meanwhile leaves the rest to the sweep
        _stop_by_supervisor(supervisor)
    records = ProcessRecords(home.root)
    left = records.sweep()
    records.forget()
    home.supervisor_socket.unlink(missing_ok=True)
    return left


def _stop_by_supervisor(supervisor: Supervisor) -> None:
    if supervisor.pid() is None or not supervisor.answers():
        return
    # Those that work for others go first, all of them at once; then what they stand on.
    front = [component.name for component in COMPONENTS if component.after]
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    supervisor.stop_programs(front)
    while time.monotonic() < deadline and _any_alive(supervisor, front):
        time.sleep(0.1)
    supervisor.stop_programs([c.name for c in COMPONENTS if not c.after])
    supervisor.shut_down()
    while time.monotonic() < deadline and supervisor.pid() is not None:
        time.sleep(0.1)


def _any_alive(supervisor: Supervisor, names: list[str]) -> bool:
    states = supervisor.states()
    return any(states[name].pid is not None for name in names if name in states)


def reset(home: DataFolder) -> list[Path]:
    """Delete all data of a stopped stack; return the folders that were deleted.

    Raises:
        AlreadyRunning: The stack runs.
        ConfigurationError: The folder is not ours.
    """
    if not home.root.exists():
        return []
    if Supervisor(home).pid() is not None or ProcessRecords(home.root).living():
        raise AlreadyRunning(f"the stack of {home.root} is running; `unmogrowp down` first")
    elsewhere = os_user.stand_in(home.component("postgres"))
    home.wipe()
    deleted = [home.root]
    if elsewhere.exists():
        shutil.rmtree(elsewhere)
        deleted.append(elsewhere)
    return deleted
