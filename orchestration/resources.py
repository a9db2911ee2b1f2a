"""Builds what assets and jobs are given. The only place of the pipeline that reads settings.

Settings are read when a run or tick begins and not when definitions load: ports of the embedded
stack may be others after a restart, and no secret is ever part of a resource's configuration,
which the UI shows.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

from dagster import InitResourceContext
from dagster._config.pythonic_config import ConfigurableResourceFactory

from assets.auditing import ReportFolder
from assets.checks.gx import ExpectationEngine
from assets.checks.runner import QualityRunner
from assets.credit import JOURNEYS
from assets.landing import LandingTools
from assets.rulesets import RulesetBook
from jobs.maintenance import Retention
from orchestration.alerts import Webhook, WebUi
from unmogrowp.attribution.credit_queue import credit_enqueuer
from unmogrowp.attribution.touched_days import enqueuer
from unmogrowp.clock import Clock, SystemClock
from unmogrowp.control.database import opened
from unmogrowp.control.locks import HeldLock, pipeline_lock
from unmogrowp.control.rulesets import list_promotions
from unmogrowp.identity.build import IdentityOptions
from unmogrowp.identity.rebuilt import rebuilt_devices_noter
from unmogrowp.landing.options import LandingOptions
from unmogrowp.rulesets.assignment import Promotion
from unmogrowp.settings import Settings, load_settings
from unmogrowp.stream.kafka_reader import KafkaReader
from unmogrowp.stream.port import StreamReader
from unmogrowp.warehouse.client import Warehouse

logger = logging.getLogger(__name__)

# How long a publish waits for landing, or landing for a rebuild, before it is tried again later.
LOCK_WAIT_S = 300.0


class ClockResource(ConfigurableResourceFactory[Clock]):
    """The machine's clock."""

    def create_resource(self, context: InitResourceContext) -> Clock:
        """Return the clock."""
        del context
        return SystemClock()


class WarehouseResource(ConfigurableResourceFactory[Warehouse]):
    """ClickHouse, by the pipeline's account."""

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator[Warehouse]:
        """Connect for one run or tick; statements carry the run's id in the server's log."""
        warehouse = connect_warehouse(load_settings(), run_id_of(context))
        with contextlib.closing(warehouse):
            yield warehouse

    def create_resource(self, context: InitResourceContext) -> Warehouse:
        """Connect without an end; Dagster prefers `yield_for_execution`."""
        return connect_warehouse(load_settings(), run_id_of(context))


class QualityResource(ConfigurableResourceFactory[QualityRunner]):
    """Runs suites of expectations and logs what they say."""

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator[QualityRunner]:
        """Connect for one run."""
        settings = load_settings()
        run_id = run_id_of(context)
        with contextlib.closing(connect_warehouse(settings, run_id)) as warehouse:
            yield QualityRunner(warehouse, expectation_engine(settings), SystemClock(), run_id)

    def create_resource(self, context: InitResourceContext) -> QualityRunner:
        """Connect without an end; Dagster prefers `yield_for_execution`."""
        settings = load_settings()
        run_id = run_id_of(context)
        return QualityRunner(
            connect_warehouse(settings, run_id),
            expectation_engine(settings),
            SystemClock(),
            run_id,
        )


class SharedLock:
    """The pipeline lock as assets want it; each use is a session of its own."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.postgres.url
        self._password = settings.postgres.password.get_secret_value()

    @contextmanager
    def held(self, purpose: str) -> Iterator[HeldLock]:
        """Wait for the lock and hold it for the block."""
        logger.debug("waits for the pipeline lock: %s", purpose)
        with pipeline_lock(self._url, self._password, wait_s=LOCK_WAIT_S) as lock:
            yield lock


class PipelineLockResource(ConfigurableResourceFactory[SharedLock]):
    """The advisory lock of the control database."""

    def create_resource(self, context: InitResourceContext) -> SharedLock:
        """Return the lock, not yet taken."""
        del context
        return SharedLock(load_settings())


class EventStreamResource(ConfigurableResourceFactory[StreamReader]):
    """The stream, as landing reads it."""

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator[StreamReader]:
        """Connect for one run or tick."""
        del context
        with contextlib.closing(KafkaReader(load_settings().kafka.connection())) as reader:
            yield reader

    def create_resource(self, context: InitResourceContext) -> StreamReader:
        """Connect without an end; Dagster prefers `yield_for_execution`."""
        del context
        return KafkaReader(load_settings().kafka.connection())


class LandingResource(ConfigurableResourceFactory[LandingTools]):
    """Everything landing needs but the lock."""

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Iterator[LandingTools]:
        """Connect to both sides for one run."""
        settings = load_settings()
        run_id = run_id_of(context)
        with (
            contextlib.closing(connect_warehouse(settings, run_id)) as warehouse,
            contextlib.closing(KafkaReader(settings.kafka.connection())) as reader,
        ):
            yield landing_tools(settings, warehouse, reader, run_id)

    def create_resource(self, context: InitResourceContext) -> LandingTools:
        """Connect without an end; Dagster prefers `yield_for_execution`."""
        settings = load_settings()
        run_id = run_id_of(context)
        return landing_tools(
            settings,
            connect_warehouse(settings, run_id),
            KafkaReader(settings.kafka.connection()),
            run_id,
        )


class IdentityOptionsResource(ConfigurableResourceFactory[IdentityOptions]):
    """Bounds of identities."""

    def create_resource(self, context: InitResourceContext) -> IdentityOptions:
        """Read the setting."""
        del context
        return IdentityOptions(load_settings().pipeline.identity_component_limit)


class RulesetsResource(ConfigurableResourceFactory[RulesetBook]):
    """The promotions of the control database."""

    def create_resource(self, context: InitResourceContext) -> RulesetBook:
        """Say how they are read."""
        del context
        return ruleset_book(load_settings())


class ReportFolderResource(ConfigurableResourceFactory[ReportFolder]):
    """Where rendered reports are kept: `<home>/reports`."""

    def create_resource(self, context: InitResourceContext) -> ReportFolder:
        """Name the folder."""
        del context
        return ReportFolder(load_settings().home / "reports")


class RetentionResource(ConfigurableResourceFactory[Retention]):
    """How long things are kept."""

    def create_resource(self, context: InitResourceContext) -> Retention:
        """Read the setting."""
        del context
        return Retention(load_settings().pipeline.raw_retention_days)


class WebhookResource(ConfigurableResourceFactory[Webhook]):
    """Who is told about failures."""

    def create_resource(self, context: InitResourceContext) -> Webhook:
        """Return the webhook, configured or not."""
        del context
        return Webhook(load_settings().alerts.webhook_url.get_secret_value())


class WebUiResource(ConfigurableResourceFactory[WebUi]):
    """Where people find runs."""

    def create_resource(self, context: InitResourceContext) -> WebUi:
        """Return the address of the UI."""
        del context
        dagster = load_settings().dagster
        return WebUi(f"http://{dagster.host}:{dagster.webserver_port}")


def landing_tools(
    settings: Settings, warehouse: Warehouse, reader: StreamReader, run_id: str
) -> LandingTools:
    """Put together what landing needs."""
    pipeline = settings.pipeline
    return LandingTools(
        warehouse,
        reader,
        SystemClock(),
        LandingOptions(
            range_bytes=pipeline.landing_range_bytes,
            range_records=pipeline.landing_range_records,
            dedup_horizon_days=pipeline.dedup_horizon_days,
            max_event_age_days=pipeline.max_event_age_days,
        ),
        (
            enqueuer(warehouse, ruleset_book(settings).all),
            credit_enqueuer(warehouse, JOURNEYS),
        ),
        run_id,
        after_rebuild=(rebuilt_devices_noter(warehouse),),
    )


def ruleset_book(settings: Settings) -> RulesetBook:
    """Return how to find out which rulesets decide which days."""

    def read() -> Sequence[Promotion]:
        password = settings.postgres.password.get_secret_value()
        with opened(settings.postgres.url, password) as control:
            return tuple(list_promotions(control))

    return RulesetBook(read)


def connect_warehouse(settings: Settings, run_id: str = "") -> Warehouse:
    """Connect as the pipeline."""
    return Warehouse.connect(
        settings.clickhouse.url,
        settings.clickhouse.user,
        settings.clickhouse.password.get_secret_value(),
        {"by": "dagster", "run_id": run_id} if run_id else {"by": "dagster"},
    )


def expectation_engine(settings: Settings) -> ExpectationEngine:
    """Return how Great Expectations reaches the warehouse; the password stays in memory."""
    parts = urlsplit(settings.clickhouse.url)
    user = quote(parts.username or settings.clickhouse.user, safe="")
    password = quote(parts.password or settings.clickhouse.password.get_secret_value(), safe="")
    is_tls = parts.scheme == "https"
    port = parts.port or (8443 if is_tls else 8123)
    return ExpectationEngine(
        f"clickhousedb://{user}:{password}@{parts.hostname}:{port}/default"
        + ("?secure=true" if is_tls else ""),
        {"autogenerate_session_id": False},
    )


def run_id_of(context: InitResourceContext) -> str:
    """Return the id of the run, or '' in a tick."""
    return context.run_id or ""


def build_resources() -> dict[str, object]:
    """Return every resource by the role that assets name."""
    return {
        "clock": ClockResource(),
        "warehouse": WarehouseResource(),
        "quality": QualityResource(),
        "pipeline_lock": PipelineLockResource(),
        "rulesets": RulesetsResource(),
        "event_stream": EventStreamResource(),
        "landing": LandingResource(),
        "identity_options": IdentityOptionsResource(),
        "report_folder": ReportFolderResource(),
        "retention": RetentionResource(),
        "webhook": WebhookResource(),
        "web_ui": WebUiResource(),
    }
