"""supervisord: its configuration, and a client on its Unix socket.

It restarts what ends, keeps the logs and stops process groups. What it lacks is readiness and
dependencies: programs are started by `up` in dependency order (`autostart=false`), and each is
started through `local_stack.launch`, which waits for what it needs and then becomes the component,
so that the pid stays supervisor's child.
"""

import os
import resource
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.alone import last_lines
from local_stack.data_folder import DataFolder
from local_stack.process_records import COMPONENT_MARK, HOME_MARK, ProcessRecords
from unmogrowp.control.private_files import write_private
from unmogrowp.errors import PermanentError

PROJECT = Path(__file__).parent.parent
SUPERVISOR = "supervisor"
LOG_BYTES = 10 * 1024 * 1024
LOG_COPIES = 3
MOST_FILES = 65_536


@dataclass(frozen=True)
class Program:
    """One program of the supervisor."""

    name: str
    stop_signal: str = "TERM"
    stop_seconds: int = 15
    signals_group: bool = True  # False: the program stops its own children


@dataclass(frozen=True)
class ProgramState:
    """What the supervisor says about a program."""

    state: str  # STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL
    pid: int | None
    detail: str


class SupervisorFailed(PermanentError):
    """The supervisor did not start, or refused a command."""


def render(home: DataFolder, programs: Sequence[Program]) -> str:
    """Return the configuration file."""
    files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], MOST_FILES)
    sections = [
        "; Written by `unmogrowp up`; change settings of the project instead.",
        "[supervisord]",
        f"pidfile={_escaped(home.run / 'supervisord.pid')}",
        f"logfile={_escaped(home.log(SUPERVISOR))}",
        f"logfile_maxbytes={LOG_BYTES}",
        f"logfile_backups={LOG_COPIES}",
        f"childlogdir={_escaped(home.logs)}",
        f"directory={_escaped(PROJECT)}",
        "umask=077",
        f"minfds={files}",
        "nodaemon=true",
        "silent=true",
        *(["user=root"] if os.geteuid() == 0 else []),
        "",
        "[unix_http_server]",
        f"file={_escaped(home.supervisor_socket)}",
        "chmod=0600",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for program in programs:
        group = "true" if program.signals_group else "false"
        command = [sys.executable, "-m", "local_stack.launch", program.name]
        sections += [
            "",
            f"[program:{program.name}]",
            f"command={_escaped(shlex.join(command))}",
            f"directory={_escaped(PROJECT)}",
            f"environment={HOME_MARK}={_quoted(home.root)},{COMPONENT_MARK}={_quoted(program.name)}"
            ',PYTHONUNBUFFERED="1"',
            "autostart=false",
            "autorestart=true",
            "startsecs=5",
            "startretries=100",
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={program.stop_seconds}",
            f"stopasgroup={group}",
            f"killasgroup={group}",
            "redirect_stderr=true",
            f"stdout_logfile={_escaped(home.log(program.name))}",
            f"stdout_logfile_maxbytes={LOG_BYTES}",
            f"stdout_logfile_backups={LOG_COPIES}",
        ]
    return "\n".join(sections) + "\n"


def _escaped(value: object) -> str:
    return str(value).replace("%", "%%")


def _quoted(value: object) -> str:
    return '"' + _escaped(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


class Supervisor:
    """The supervisor of one data folder."""

    def __init__(self, home: DataFolder) -> None:
        self._home = home
        self._records = ProcessRecords(home.root)

    def pid(self) -> int | None:
        """Return the pid of the running supervisor of this folder."""
        record = self._records.read(SUPERVISOR)
        return record.pid if record is not None and record.is_alive() else None

    def start(self, programs: Sequence[Program], environment: Mapping[str, str]) -> None:
        """Start supervisord in a session of its own; no program is started yet.

        Raises:
            SupervisorFailed: It does not answer within 60 s.
        """
        write_private(self._home.supervisor_configuration, render(self._home, programs))
        output = self._home.log("supervisor-start")
        command = [sys.executable, "-m", "supervisor.supervisord"]
        with output.open("wb") as log:
            process = subprocess.Popen(
                [*command, "-c", str(self._home.supervisor_configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=PROJECT,
                env={**environment, HOME_MARK: str(self._home.root)},
            )
        self._records.write(SUPERVISOR, process.pid)
        deadline = time.monotonic() + 60
        while not self.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise SupervisorFailed(f"supervisord did not start:\n{last_lines(output)}")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Tell whether it can be talked to."""
        try:
            self._call("getState")
        except (OSError, xmlrpc.client.Error, SupervisorFailed):
            return False
        return True

    def start_program(self, name: str) -> None:
        """Start a program without waiting for it."""
        self._call("startProcess", name, False)

    def stop_programs(self, names: Sequence[str]) -> None:
        """Ask programs to stop, without waiting."""
        for name in names:
            try:
                self._call("stopProcess", name, False)
            except SupervisorFailed:
                continue  # not running

    def shut_down(self) -> None:
        """Stop everything and end; returns at once."""
        self._call("shutdown")

    def states(self) -> dict[str, ProgramState]:
        """Return the state of every program; nothing where no supervisor runs."""
        if self.pid() is None:
            return {}
        try:
            found = self._call("getAllProcessInfo")
        except (OSError, xmlrpc.client.Error):
            return {}
        return {
            str(each["name"]): ProgramState(
                str(each["statename"]), int(each["pid"]) or None, str(each["spawnerr"])
            )
            for each in found
        }

    def _call(self, method: str, *arguments: object) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self._home.supervisor_socket}")
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            raise SupervisorFailed(f"{method}{arguments}: {fault.faultString}") from fault
        finally:
            transport.close()
