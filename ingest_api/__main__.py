"""The collector: `python -m ingest_api` runs the workers and starts dead ones again.

The parent keeps the port (bound, never listening) and does nothing else, so that it outlives
whatever happens to a worker. A worker's slot names its reports: it is the same after a restart.
"""

import argparse
import logging
import os
import signal
import subprocess
import sys
import time

from ingest_api.worker import listening_socket, run_worker
from unmogrowp.errors import ConfigurationError, UnmogrowpError
from unmogrowp.settings import Settings, load_settings

logger = logging.getLogger("ingest_api")

RESTART_SECONDS = 0.5
MAX_RESTART_SECONDS = 10.0


class Parent:
    """Runs one process per slot."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._started_at: dict[int, float] = {}
        self._delays: dict[int, float] = {}
        self._is_stopping = False

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; return 0 when every worker ended in order."""
        collector = self._settings.collector
        try:
            reserved = listening_socket(collector.host, collector.port)
        except OSError as error:
            raise ConfigurationError(
                f"port {collector.port} of {collector.host}: {error.strerror}"
            ) from error
        port = reserved.getsockname()[1]
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        logger.info("collector on %s:%s, %s workers", collector.host, port, collector.workers)
        for slot in range(collector.workers):
            self._start(slot, port)
        while not self._is_stopping:
            time.sleep(0.1)
            self._restart_dead(port)
        code = self._end_workers()
        reserved.close()
        return code

    def _stop(self, *_: object) -> None:
        self._is_stopping = True

    def _start(self, slot: int, port: int) -> None:
        command = [sys.executable, "-m", "ingest_api", "--slot", str(slot), "--port", str(port)]
        environment = {**os.environ, "UNMOGROWP_COLLECTOR_PARENT": str(os.getpid())}
        # A group of its own: Ctrl-C reaches the parent alone, which ends workers in order.
        self._workers[slot] = subprocess.Popen(command, env=environment, start_new_session=True)
        self._started_at[slot] = time.monotonic()

    def _restart_dead(self, port: int) -> None:
        for slot, worker in list(self._workers.items()):
            code = worker.poll()
            if code is None:
                continue
            now = time.monotonic()
            if now - self._started_at[slot] > 30:
                self._delays[slot] = 0.0
            delay = self._delays.get(slot, 0.0)
            if now - self._started_at[slot] < delay:
                continue
            logger.error("worker %s ended with %s and is started again", slot, code)
            self._delays[slot] = min(max(RESTART_SECONDS, delay * 2), MAX_RESTART_SECONDS)
            self._start(slot, port)

    def _end_workers(self) -> int:
        for worker in self._workers.values():
            if worker.poll() is None:
                worker.terminate()
        # Beyond the time to answer comes the time to flush and to report.
        settings = self._settings.collector
        deadline = (
            time.monotonic()
            + settings.shutdown_timeout_seconds
            + settings.ack_timeout_ms / 1000
            + 10
        )
        code = 0
        for slot, worker in self._workers.items():
            try:
                code |= worker.wait(max(0.1, deadline - time.monotonic())) != 0
            except subprocess.TimeoutExpired:
                logger.error("worker %s does not end and is killed", slot)
                worker.kill()
                worker.wait()
                code = 1
        return code


def main() -> int:
    """Be the parent, or with `--slot` one worker."""
    parser = argparse.ArgumentParser(prog="python -m ingest_api", description="The collector")
    parser.add_argument("--slot", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO,
        format='{"at":"%(asctime)s","level":"%(levelname)s","from":"%(name)s","pid":%(process)d,'
        '"message":"%(message)s"}',
    )
    logging.getLogger("kafka").setLevel(logging.ERROR)
    try:
        settings = load_settings()
        if not settings.kafka.bootstrap_servers:
            raise ConfigurationError(
                "UNMOGROWP_KAFKA__BOOTSTRAP_SERVERS is not set and no stack was started here"
            )
        if arguments.slot is None:
            return Parent(settings).run()
        return run_worker(settings, arguments.slot, arguments.port or settings.collector.port)
    except UnmogrowpError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
