"""Topics: created as the contract says, and asked for the largest record they take."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from unmogrowp.contracts.topics import MAX_MESSAGE_BYTES, Topic
from unmogrowp.errors import SinkUnavailable
from unmogrowp.stream.kafka_connection import KafkaConnection

logger = logging.getLogger(__name__)

# Dead letters and reports are few: one partition each. Traffic has as many as the setting says.
_SINGLE_PARTITION = frozenset({Topic.DEAD_LETTERS, Topic.COLLECTOR_STATS})
BOOTSTRAP_TIMEOUT_MS = 10_000


@dataclass(frozen=True, slots=True)
class TopicOptions:
    """What a topic is created with; an existing topic keeps what it has."""

    partitions: int = 2
    replication_factor: int = 1
    retention_hours: int = 168


def ensure_topics(connection: KafkaConnection, options: TopicOptions) -> list[str]:
    """Create the topics that do not exist yet; return the names of those created.

    Raises:
        SinkUnavailable: The cluster does not answer, or refused.
    """
    with _admin(connection) as admin:
        try:
            existing = set(admin.list_topics())
            wanted = {
                str(topic): {
                    "num_partitions": 1 if topic in _SINGLE_PARTITION else options.partitions,
                    "replication_factor": options.replication_factor,
                    "configs": {
                        "max.message.bytes": str(MAX_MESSAGE_BYTES),
                        "retention.ms": str(options.retention_hours * 3_600_000),
                        "cleanup.policy": "delete",
                        # Producers compress; the broker must not do it a second time.
                        "compression.type": "producer",
                        "min.insync.replicas": str(min(2, options.replication_factor)),
                    },
                }
                for topic in Topic
                if topic not in existing
            }
            created = []
            for name, topic_options in wanted.items():
                try:
                    admin.create_topics({name: topic_options}, wait_for_metadata=True)
                    created.append(name)
                except TopicAlreadyExistsError:
                    logger.info("another process created topic %s first", name)
        except KafkaError as error:
            raise SinkUnavailable(f"topics cannot be created: {error}") from error
    return created


def max_message_bytes(connection: KafkaConnection, topics: list[str]) -> Mapping[str, int]:
    """Return `max.message.bytes` per topic as the cluster has it now.

    Raises:
        SinkUnavailable: The cluster does not answer, or does not say.
    """
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, name, configs={"max.message.bytes": None})
        for name in topics
    ]
    with _admin(connection) as admin:
        try:
            found = admin.describe_configs(resources, config_filter="all").get("topic", {})
            return {
                name: int(found[name]["max.message.bytes"]["value"])
                for name in topics
                if "max.message.bytes" in found.get(name, {})
            }
        except (KafkaError, KeyError, ValueError) as error:
            raise SinkUnavailable(f"topic settings cannot be read: {error}") from error


def _admin(connection: KafkaConnection) -> KafkaAdminClient:
    try:
        return connection.open(
            KafkaAdminClient,
            client_id="unmogrowp-admin",
            bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
        )
    except (KafkaError, OSError, ValueError) as error:
        raise SinkUnavailable(f"Kafka does not answer: {error}") from error
