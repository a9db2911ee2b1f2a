"""The server's life: empty environment, closed sandbox, engine, serving, a clean end."""

import asyncio
import fcntl
import logging
import os
import resource
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import psutil
import uvicorn
import uvloop

from local_stack.clickhouse import sandbox
from local_stack.clickhouse.accounts import from_document
from local_stack.clickhouse.app import App, Limits
from local_stack.clickhouse.engine import Engine
from local_stack.clickhouse.launch import handed_over, server_command
from local_stack.clickhouse.sandbox import Closed
from unmogrowp.errors import ConfigurationError

MIB = 1 << 20
_TEMPLATES = Path(__file__).parent / "templates"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerOptions:
    """The command line; see `--help`."""

    path: Path
    host: str = "127.0.0.1"
    port: int = 8123
    accounts_fd: int = 0
    queries: int = 0
    inserts: int = 0
    waiting: int = 64
    memory_mb: int = 0
    insert_mb: int = 512
    result_mb: int = 256
    without_sandbox: bool = False
    require_sandbox: bool = False


def serve(options: ServerOptions) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: The server must not or cannot start like this.
    """
    with os.fdopen(options.accounts_fd, "rb") as handed:
        document = handed.read()
    # Not os.environ: Python itself puts LC_CTYPE there.
    if Path("/proc/self/environ").read_bytes():
        _start_again_without_environment(document)
    accounts = from_document(document)
    if hasattr(os, "setsid") and os.getpgrp() != os.getpid():
        os.setsid()
    folder = options.path.absolute()
    data, config = folder / "data", folder / "config"
    for made in (folder, data, config):
        made.mkdir(parents=True, exist_ok=True, mode=0o700)
    memory_bytes = _memory_bytes(options)
    config_file = write_config(config, memory_bytes)
    lock = _lock(folder)
    _set_limits()
    listening = _listen(options.host, options.port)
    limits = Limits(
        queries=options.queries or 4 * (os.cpu_count() or 1),
        inserts=options.inserts or max(2, os.cpu_count() or 1),
        waiting=options.waiting,
        memory_bytes=memory_bytes,
        insert_bytes=options.insert_mb * MIB,
        result_bytes=options.result_mb * MIB,
    )
    _close_sandbox(options, data, config)
    try:
        engine = Engine(data, config_file)
    except RuntimeError as error:
        raise ConfigurationError(f"the engine cannot open {data}: {error}") from error
    app = App(engine, accounts, limits)
    server = _Server(app, listening)
    port = listening.getsockname()[1]
    _say(f"engine {engine.version} listens on http://{options.host}:{port}")
    status = 1
    try:
        uvloop.run(server.run())
        engine.close()
        status = 0
        lock.close()
    except Exception:
        logger.exception("the server ended with an error")
    finally:
        # The engine's threads must not outlive the interpreter: leave without tearing it down.
        logging.shutdown()
        os._exit(status)


class _Server:
    """uvicorn around the application, with our own order of shutting down."""

    def __init__(self, app: App, listening: socket.socket) -> None:
        self._app = app
        self._listening = listening

    async def run(self) -> None:
        """Serve until a signal, then stop what runs."""
        application: Any = self._app
        config = uvicorn.Config(
            application, log_level="warning", access_log=False, lifespan="off",
            timeout_graceful_shutdown=2, timeout_keep_alive=75, server_header=False,
            loop="none", http="httptools", ws="none",
        )  # fmt: skip
        # Said of every connection that is broken on purpose, to mark an error in mid-stream.
        logging.getLogger("uvicorn.error").addFilter(
            lambda record: "without completing response" not in record.getMessage()
        )
        server = uvicorn.Server(config)
        loop = asyncio.get_running_loop()
        tidying = asyncio.create_task(self._app.tidy())
        # Not `serve`, which would catch the signals itself and raise them again at the end.
        serving = asyncio.create_task(server._serve(sockets=[self._listening]))
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        waiting = asyncio.create_task(stopping.wait())
        await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        self._app.closing = True
        await self._app.running.cancel_all()
        await serving
        tidying.cancel()
        waiting.cancel()
        await self._app.close()


def write_config(folder: Path, memory_bytes: int) -> Path:
    """Write the engine's configuration anew and return its main file."""
    users = folder / "users.xml"
    users.write_text((_TEMPLATES / "users.xml").read_text())
    config = (_TEMPLATES / "config.xml").read_text()
    config = config.replace("@USERS_FILE@", str(users)).replace("@MEMORY_BYTES@", str(memory_bytes))
    file = folder / "config.xml"
    file.write_text(config)
    return file


def _close_sandbox(options: ServerOptions, data: Path, config: Path) -> None:
    # The engine makes a folder for temporary files here; /tmp is outside of the sandbox.
    temporary = data / "tmp"
    temporary.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = str(temporary)
    closed = Closed(0) if options.without_sandbox else sandbox.close(sandbox.rules(data, config))
    if closed.version:
        _say(f"sandbox: {closed}")
        return
    if options.require_sandbox:
        raise ConfigurationError("the kernel has no Landlock, and --require-sandbox was given")
    _say(
        "WARNING: no sandbox. This kernel has no Landlock (or --without-sandbox was given): what "
        "keeps the account `analyst` from files and network are grants and checks of its "
        "statements alone. Run this server as an OS user or in a container of its own."
    )


def _say(line: str) -> None:
    sys.stdout.write(f"clickhouse: {line}\n")
    sys.stdout.flush()


def _memory_bytes(options: ServerOptions) -> int:
    if options.memory_mb:
        return options.memory_mb * MIB
    total: int = psutil.virtual_memory().total
    group = Path("/sys/fs/cgroup/memory.max")
    allowed = group.read_text().strip() if group.exists() else "max"
    return int(min(total, int(allowed) if allowed.isdigit() else total) * 0.4)


def _lock(folder: Path) -> BinaryIO:
    """Keep a second server away; the lock goes with the process, however it ends."""
    lock = (folder / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ConfigurationError(f"another server uses {folder}") from error
    return lock


def _set_limits() -> None:
    """Allow as many files as the system lets us, and no memory image of a crash on disk."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # The protocol spelled out: without it asyncio leaves Nagle's algorithm on, and every
        # answer waits 40 ms for the client's delayed acknowledgement.
        listening = socket.socket(family, kind, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(512)
        return listening
    except OSError as error:
        raise ConfigurationError(f"{host}:{port} cannot be listened on: {error}") from error


def _start_again_without_environment(document: bytes) -> None:
    """Become the same command with an empty environment, which `/proc/self/environ` shows."""
    arguments = [a for a in sys.argv[1:] if not a.startswith("--accounts-fd=")]
    if "--accounts-fd" in arguments:
        at = arguments.index("--accounts-fd")
        del arguments[at : at + 2]
    command = server_command([*arguments, "--accounts-fd", str(handed_over(document))])
    os.execve(command[0], command, {})  # nosec B606
