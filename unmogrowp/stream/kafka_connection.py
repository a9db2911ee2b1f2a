"""How to reach a Kafka cluster, in one value that producer, reader and admin share."""

from dataclasses import dataclass
from typing import Any


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
