"""Is it ready? One real question per component, answered within a few seconds or not at all."""

import http.client
import logging
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from local_stack import valkey
from local_stack.ports import LOOPBACK, is_free
from unmogrowp.settings import Settings
from unmogrowp.stream.kafka_connection import KafkaConnection

TIMEOUT_SECONDS = 5
# A daemon that does not beat any more is not ready; it beats every 30 s.
OLDEST_HEARTBEAT_SECONDS = 120
# Those without which nothing runs; Dagster has more.
NEEDED_DAEMONS = ("SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR")
HTTP_OK = 200


def kafka_connection(settings: Settings) -> KafkaConnection:
    """Return how to reach the stream."""
    kafka = settings.kafka
    return KafkaConnection(
        bootstrap_servers=kafka.bootstrap_servers,
        security_protocol=kafka.security_protocol,
        sasl_mechanism=kafka.sasl_mechanism,
        sasl_username=kafka.sasl_username,
        sasl_password=kafka.sasl_password.get_secret_value(),
        ssl_ca_file=kafka.ssl_ca_file,
    )


def kafka_is_ready(connection: KafkaConnection) -> bool:
    """Tell whether a live broker stands in the cluster's metadata."""
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    if _nobody_listens(connection.bootstrap_servers.split(",")[0]):
        return False
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    milliseconds = TIMEOUT_SECONDS * 1000
    try:
        admin = KafkaAdminClient(
            **connection.client_arguments(),
            request_timeout_ms=milliseconds,
            bootstrap_timeout_ms=milliseconds,
        )
    except (KafkaError, OSError, ValueError):
        return False
    try:
        return bool(admin.describe_cluster().get("brokers"))
    except (KafkaError, OSError, ValueError):
        return False
    finally:
        admin.close()


def clickhouse_is_ready(url: str, user: str, password: str) -> bool:
    """Tell whether the server answers a query of the pipeline's account."""
    return clickhouse_version(url, user, password) is not None


def clickhouse_version(url: str, user: str, password: str) -> str | None:
    """Return the version of the engine that answers; None where none does."""
    headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}
    answer = _get(f"{url.rstrip('/')}/?query=SELECT%20version()", headers)
    return answer.decode().strip() if answer else None


def postgres_is_ready(url: str, password: str) -> bool:
    """Tell whether the server answers a query, in whichever database exists yet."""
    return _query(url, password, "SELECT 1", database="postgres") is not None


def valkey_is_ready(url: str, password: str) -> bool:
    """Tell whether the cache answers a PING."""
    return valkey.is_ready(url, password, TIMEOUT_SECONDS)


def http_is_ready(url: str) -> bool:
    """Tell whether the address answers 200."""
    return _get(url) is not None


def dagster_code_is_ready(host: str, port: int) -> bool:
    """Tell whether the code server has loaded the definitions."""
    if _nobody_listens(f"{host}:{port}"):
        return False
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(f"{host}:{port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service="DagsterApi"), timeout=TIMEOUT_SECONDS
            )
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def dagster_daemon_is_ready(url: str, password: str, started_at: float) -> bool:
    """Tell whether the daemons that matter have beaten since the process started, and lately."""
    rows = _query(
        url,
        password,
        "SELECT daemon_type FROM daemon_heartbeats"
        " WHERE EXTRACT(EPOCH FROM timestamp) >= %(started_at)s"
        " AND timestamp > (now() AT TIME ZONE 'UTC') - make_interval(secs => %(oldest)s)",
        {"started_at": started_at, "oldest": OLDEST_HEARTBEAT_SECONDS},
    )
    return rows is not None and {row[0] for row in rows} >= set(NEEDED_DAEMONS)


def _nobody_listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return host == LOOPBACK and is_free(int(port))


def _get(url: str, headers: dict[str, str] | None = None) -> bytes | None:
    parts = urlsplit(url)
    if _nobody_listens(f"{parts.hostname}:{parts.port}"):
        return None
    request = urllib.request.Request(url, headers=headers or {})
    # Our own addresses are not asked for through a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return bytes(answer.read(65_536)) if answer.status == HTTP_OK else None
    except (urllib.error.URLError, OSError, http.client.HTTPException):
        return None


def _query(
    url: str,
    password: str,
    statement: str,
    parameters: dict[str, float] | None = None,
    database: str | None = None,
) -> list[tuple[object, ...]] | None:
    import psycopg2

    # By hand: SQLAlchemy takes longer to import than the whole answer takes.
    address = urlsplit(url)
    options: dict[str, Any] = dict(parse_qsl(address.query))
    if _nobody_listens(f"{address.hostname}:{address.port or 5432}"):
        return None
    try:
        connection = psycopg2.connect(
            host=address.hostname,
            port=address.port or 5432,
            user=unquote(address.username or ""),
            password=unquote(address.password or "") or password,
            dbname=database or address.path.lstrip("/"),
            connect_timeout=TIMEOUT_SECONDS,
            **options,
        )
    except psycopg2.OperationalError:
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())
    except psycopg2.Error:
        return None
    finally:
        connection.close()
