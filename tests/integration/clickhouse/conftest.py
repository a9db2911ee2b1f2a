"""The real server as a process, once for all tests of this folder, and a bare HTTP client."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from local_stack.clickhouse.alone import RunningServer, running_clickhouse


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage

    @property
    def code(self) -> int:
        return int(self.headers.get("X-ClickHouse-Exception-Code", 0))

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Client:
    """Sends single requests as one account."""

    server: RunningServer
    user: str
    password: str

    @contextmanager
    def connection(self) -> Iterator[http.client.HTTPConnection]:
        parts = urlsplit(self.server.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        try:
            yield connection
        finally:
            connection.close()

    def __call__(
        self,
        body: str | bytes | None = None,
        /,
        *,
        method: str = "POST",
        path: str = "/",
        headers: dict[str, str] | None = None,
        **parameters: str,
    ) -> Answer:
        sent = {"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password}
        data = body.encode() if isinstance(body, str) else body
        with self.connection() as connection:
            connection.request(
                method, f"{path}?{urlencode(parameters)}", data, {**sent, **(headers or {})}
            )
            response = connection.getresponse()
            return Answer(response.status, response.read(), response.headers)

    def ok(self, body: str | bytes, **parameters: str) -> str:
        answer = self(body, **parameters)
        assert answer.status == 200, answer.text
        return answer.text


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_clickhouse(tmp_path_factory.mktemp("clickhouse")) as running:
        pipeline = Client(running, "pipeline", running.pipeline_password)
        pipeline.ok("CREATE DATABASE mart ENGINE = Atomic")
        pipeline.ok(
            "CREATE TABLE mart.attributed_installs (install_id String, media_source String, ctit_ms"
            " Nullable(Int64), installed_at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY "
            "install_id"
        )
        pipeline.ok(
            "INSERT INTO mart.attributed_installs VALUES ('i1', 'acme_ads', 5000, "
            "'2026-11-01 10:00:00.123'), ('i2', '', NULL, '2026-11-01 11:00:00')"
        )
        yield running


@pytest.fixture(scope="session")
def pipeline(server: RunningServer) -> Client:
    return Client(server, "pipeline", server.pipeline_password)


@pytest.fixture(scope="session")
def analyst(server: RunningServer) -> Client:
    return Client(server, "analyst", server.analyst_password)


@pytest.fixture
def table(pipeline: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    """A table of the test's own: (a UInt64, b String), with a deduplication window."""
    name = f"main.t_{abs(hash(request.node.nodeid))}"
    pipeline.ok(
        f"CREATE TABLE {name} (a UInt64, b String) ENGINE = MergeTree ORDER BY a "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    yield name
    pipeline.ok(f"DROP TABLE {name} SYNC")


@pytest.fixture
def own_server(tmp_path: Path) -> Callable[..., AbstractContextManager[RunningServer]]:
    """Start a server of the test's own: `with own_server("--queries", "1") as server`."""

    def start(*options: str) -> AbstractContextManager[RunningServer]:
        return running_clickhouse(tmp_path, *options)

    return start
