"""Every client reads a table as `analyst`, and every client is refused the rest."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import clickhouse_connect
import pytest
import sqlalchemy

from local_stack.clickhouse.alone import RunningServer
from local_stack.kafka_jars import ensure_jars, read_list
from tests.integration.clickhouse.conftest import Client
from tests.integration.clickhouse.refused import REFUSED
from unmogrowp.settings import cache_folder

HERE = Path(__file__).parent
READ = "SELECT install_id, ctit_ms FROM mart.attributed_installs ORDER BY install_id"

# Runs statements as analyst; each outcome is its rows as texts, or the error as a text.
Run = Callable[[list[str]], list[list[list[str]] | str]]


def with_clickhouse_connect(server: RunningServer) -> Run:
    parts = urlsplit(server.url)
    client = clickhouse_connect.get_client(
        host=parts.hostname,
        port=parts.port or 0,
        username="analyst",
        password=server.analyst_password,
    )

    def run_one(sql: str) -> list[list[str]] | str:
        try:
            return [[str(cell) for cell in row] for row in client.query(sql).result_rows]
        except clickhouse_connect.driver.exceptions.ClickHouseError as error:
            return str(error)

    return lambda statements: [run_one(sql) for sql in statements]


def with_sqlalchemy(server: RunningServer) -> Run:
    address = server.url.removeprefix("http://")
    engine = sqlalchemy.create_engine(
        f"clickhousedb://analyst:{server.analyst_password}@{address}/default"
    )

    def run_one(sql: str) -> list[list[str]] | str:
        try:
            with engine.connect() as connection:
                rows = connection.exec_driver_sql(sql).fetchall()
                return [[str(cell) for cell in row] for row in rows]
        except (
            sqlalchemy.exc.SQLAlchemyError,
            clickhouse_connect.driver.exceptions.ClickHouseError,
        ) as error:
            return str(error)

    return lambda statements: [run_one(sql) for sql in statements]


def with_jdbc(server: RunningServer) -> Run:
    jars = ensure_jars(cache_folder() / "jdbc", jars=read_list(HERE / "jdbc_jars.sha256"))

    def run(statements: list[str]) -> list[list[list[str]] | str]:
        request = {
            "jars": [str(jar) for jar in jars],
            "url": f"jdbc:clickhouse:{server.url.removeprefix('http:')}/default",
            "properties": {"user": "analyst", "password": server.analyst_password},
            "statements": statements,
        }
        done = subprocess.run(
            [sys.executable, str(HERE / "jdbc_client.py")],
            input=json.dumps(request), capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return [outcome.get("rows", outcome.get("error")) for outcome in json.loads(done.stdout)]

    return run


def with_curl(server: RunningServer) -> Run:
    curl = shutil.which("curl")
    assert curl, "curl is a part of every system this runs on"

    def run_one(sql: str) -> list[list[str]] | str:
        command = [curl, "-sS", "--user", f"analyst:{server.analyst_password}", server.url]
        done = subprocess.run(
            [*command, "-w", "%{http_code}", "--data-binary", sql],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        body, status = done.stdout[:-3], done.stdout[-3:]
        if status != "200":
            return body
        cells = [line.split("\t") for line in body.splitlines()]
        return [["None" if cell == "\\N" else cell for cell in row] for row in cells]

    return lambda statements: [run_one(sql) for sql in statements]


@pytest.fixture(
    scope="session",
    params=[with_clickhouse_connect, with_sqlalchemy, with_jdbc, with_curl],
    ids=["clickhouse-connect", "SQLAlchemy", "JDBC", "curl"],
)
def run(request: pytest.FixtureRequest, server: RunningServer) -> Run:
    made: Run = request.param(server)
    return made


def test_an_analyst_reads_a_table(run: Run) -> None:
    assert run([READ]) == [[["i1", "5000"], ["i2", "None"]]]


def test_an_analyst_is_refused_everything_else(
    run: Run, server: RunningServer, pipeline: Client
) -> None:
    path = pipeline.ok(
        "SELECT data_paths[1] FROM system.tables WHERE name = 'attributed_installs'"
    ).strip()
    store = next(file for file in Path(path).rglob("columns.txt"))
    config = Path(path.partition("/data/")[0]) / "config" / "users.xml"
    assert config.exists()
    statements = [sql.format(config=config, store=store) for sql in REFUSED.values()]
    outcomes = dict(zip(REFUSED, run(statements), strict=True))
    answered = {what: outcome for what, outcome in outcomes.items() if isinstance(outcome, list)}
    assert answered == {}
    # READONLY, ACCESS_DENIED, UNKNOWN_TABLE, SETTING_CONSTRAINT_VIOLATION
    reason = re.compile(r"(?i)code: (164|497|60|452)\b")
    unclear = {what: outcome for what, outcome in outcomes.items() if not reason.search(outcome)}
    assert unclear == {}
    assert not Path("/tmp/unmogrowp-outfile.tsv").exists()


def test_a_wrong_password_is_refused(server: RunningServer) -> None:
    wrong = server._replace(analyst_password="wrong" * 5)
    with pytest.raises(clickhouse_connect.driver.exceptions.DatabaseError, match="516"):
        with_clickhouse_connect(wrong)
    [outcome] = with_curl(wrong)(["SELECT 1"])
    assert "Code: 516" in str(outcome)
