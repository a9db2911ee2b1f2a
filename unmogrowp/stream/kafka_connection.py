"""How to reach a Kafka cluster, in one value that producer, reader and admin share."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_STOP_MS = 2_000


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Address and credentials; never printed, because of the password."""

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: str = ""
    ssl_ca_file: str = ""

    def __repr__(self) -> str:
        return f"KafkaConnection({self.bootstrap_servers}, {self.security_protocol})"

    def client_arguments(self) -> dict[str, Any]:
        """Return keyword arguments that every client class of kafka-python takes."""
        arguments: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "security_protocol": self.security_protocol,
            # A broker that restarts is back within seconds: waiting longer only adds latency.
            "reconnect_backoff_ms": 50,
            "reconnect_backoff_max_ms": 1_000,
        }
        if self.sasl_mechanism:
            arguments |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password,
            }
        if self.ssl_ca_file:
            arguments["ssl_cafile"] = self.ssl_ca_file
        return arguments

    def open(
        self,
        build: Callable[..., Any],
        client: Callable[..., Any] | None = None,
        **options: Any,
    ) -> Any:
        """Build a consumer, producer or admin; a cluster that is away leaves nothing behind.

        The constructors start a thread before they ask the cluster and do not end it when they
        fail: whoever tries again every second would have one more thread with every try.
        """
        # Settings know this module, and not all who read settings need Kafka.
        from kafka.errors import KafkaError
        from kafka.net.compat import KafkaNetClient

        made: list[Any] = []

        def remembered(**configs: Any) -> Any:
            made.append((client or KafkaNetClient)(**configs))
            return made[-1]

        try:
            return build(**self.client_arguments(), kafka_client=remembered, **options)
        except BaseException:
            for each in made:
                with suppress(KafkaError, OSError, RuntimeError):
                    each._net.stop(_STOP_MS)
                    each.close()
            raise
