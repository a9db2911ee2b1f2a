import os
import signal

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.running_stack import RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.kill]


@pytest.mark.parametrize(
    "name",
    [
        "kafka",
        "clickhouse",
        "postgres",
        "valkey",
        "collector",
        "control-api",
        "dagster-code",
        "dagster-daemon",
        "dagster-webserver",
    ],
)
def test_a_killed_component_is_ready_again_without_help(stack: RunningStack, name: str) -> None:
    pid = stack.components()[name]["pid"]
    os.kill(pid, signal.SIGKILL)
    rows = stack.wait_until_all_run(other_than={name: pid})
    assert {row["state"] for row in rows.values()} == {"running"}


def test_every_killed_worker_of_the_collector_comes_back(stack: RunningStack) -> None:
    parent = psutil.Process(stack.components()["collector"]["pid"])
    workers = parent.children()
    for worker in workers:
        worker.kill()
    row = stack.wait_until_running("collector")
    assert row["pid"] == parent.pid


def test_kafka_keeps_what_it_acknowledged_before_a_kill(stack: RunningStack) -> None:
    row = stack.components()["kafka"]
    bootstrap = f"127.0.0.1:{row['port']}"
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    partition = TopicPartition("postbacks.v1", 0)
    futures = [producer.send(partition.topic, b"kept", partition=0) for _ in range(500)]
    offsets = [future.get(20).offset for future in futures]
    os.kill(row["pid"], signal.SIGKILL)
    producer.close(0)
    stack.wait_until_running("kafka", other_than_pid=row["pid"])
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        consumer.assign([partition])
        consumer.seek(partition, offsets[0])
        read: list[int] = []
        while len(read) < len(offsets):
            batch = consumer.poll(timeout_ms=10_000).get(partition, [])
            assert batch
            read += [record.offset for record in batch if record.value == b"kept"]
    finally:
        consumer.close()
    assert read == offsets
