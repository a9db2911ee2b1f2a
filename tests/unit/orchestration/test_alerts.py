"""The webhook over a real HTTP server in this process."""

import gc
import http.server
import json
import threading
import warnings

import dagster as dg
import pytest

from orchestration.alerts import Alert, Webhook, WebUi, redact
from orchestration.sensors import failed_run_sensor
from tests.fakes.landing import FrozenClock
from unmogrowp.errors import ConfigurationError, TransientError


class Catcher(http.server.BaseHTTPRequestHandler):
    bodies: list = []
    status = 200

    def do_POST(self):
        type(self).bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def catcher():
    handler = type("Fresh", (Catcher,), {"bodies": [], "status": 200})
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def alert(message="it broke"):
    return Alert("run_failed", "marts_job", "run", "AuditFailed", message, 1, False, "http://ui")


def test_an_alert_is_one_json_body(catcher):
    Webhook(catcher.url).send(alert())
    (body,) = catcher.bodies
    assert body["job"] == "marts_job"
    assert body["message"] == "it broke"


def test_an_unwilling_webhook_is_tried_three_times_and_then_named_without_its_address(catcher):
    catcher.status = 503
    with pytest.raises(TransientError) as raised:
        Webhook(catcher.url).send(alert())
    assert len(catcher.bodies) == 3
    assert catcher.url not in str(raised.value)


def test_an_unwilling_webhook_costs_no_connection(catcher):
    catcher.status = 503
    gc.collect()
    with warnings.catch_warnings(record=True) as left_open:
        warnings.simplefilter("always", ResourceWarning)
        with pytest.raises(TransientError):
            Webhook(catcher.url).send(alert())
        gc.collect()
    assert left_open == []


@pytest.mark.parametrize(
    "secret",
    [
        "postgresql://unmogrowp:hunter2@127.0.0.1/db",
        "password=hunter2",
        "password: 'hunter2'",
        "Authorization: Bearer hunter2",
        "write_key=hunter2, next",
        "api-key: hunter2",
    ],
)
def test_no_secret_leaves_in_a_message(secret):
    assert "hunter2" not in redact(f"could not connect: {secret}")
    assert "hunter2" not in alert(f"could not connect: {secret}").body().decode()


def test_a_long_message_is_cut():
    assert len(alert("x" * 100_000).body()) < 3_000


def test_an_address_that_is_no_http_is_refused():
    with pytest.raises(ConfigurationError):
        Webhook("file:///etc/passwd")


@dg.op
def fails():
    raise ValueError("password=hunter2 is wrong")


@dg.job
def failing_job():
    fails()


def failed_run_context(instance):
    result = failing_job.execute_in_process(instance=instance, raise_on_error=False)
    return dg.build_run_status_sensor_context(
        sensor_name="failed_run_sensor",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
    ).for_run_failure()


def test_a_failed_run_calls_the_webhook_with_its_reason_and_a_link(catcher):
    with dg.DagsterInstance.ephemeral() as instance:
        context = failed_run_context(instance)
        failed_run_sensor(
            context,
            webhook=Webhook(catcher.url),
            clock=FrozenClock(),
            web_ui=WebUi("http://127.0.0.1:3000"),
        )
    (body,) = catcher.bodies
    assert body["job"] == "failing_job"
    assert body["error"] == "ValueError"
    assert "hunter2" not in body["message"]
    assert body["url"] == f"http://127.0.0.1:3000/runs/{context.dagster_run.run_id}"


def test_without_a_webhook_the_tick_says_that_nobody_is_told():
    with dg.DagsterInstance.ephemeral() as instance:
        skipped = failed_run_sensor(
            failed_run_context(instance),
            webhook=Webhook(""),
            clock=FrozenClock(),
            web_ui=WebUi(""),
        )
    assert "0 webhooks" in str(skipped)
