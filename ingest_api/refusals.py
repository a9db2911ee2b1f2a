"""What becomes of a refused request: kept as dead letter within a quota, or only counted."""

import logging
from collections.abc import Callable

from ingest_api.answers import refusal as answer_of
from ingest_api.dead_letters import DeadLetterQuota
from ingest_api.delivery import Delivery
from ingest_api.entries import redacted
from ingest_api.options import CollectorOptions
from ingest_api.requests import Request
from ingest_api.senders import AddressBook
from ingest_api.statistics import Statistics
from unmogrowp.contracts.rejections import REJECTIONS, RejectionCode, RequestRefused
from unmogrowp.contracts.topics import Topic
from unmogrowp.stream.port import Placement

logger = logging.getLogger(__name__)

_DEAD_LETTERS = str(Topic.DEAD_LETTERS)


class Refusals:
    """Answers refused requests of one worker."""

    def __init__(
        self,
        options: CollectorOptions,
        delivery: Delivery,
        statistics: Statistics,
        addresses: AddressBook,
        receipt: Callable[[Placement], str],
    ) -> None:
        self._retry_after_seconds = options.retry_after_seconds
        self._delivery = delivery
        self._statistics = statistics
        self._addresses = addresses
        self._receipt = receipt
        # Addresses of strangers are hashed too, with a secret that ends with this process.
        self._strangers_secret = statistics.boot_id.replace("-", "").encode()
        self._quota = DeadLetterQuota(
            options.dead_letter_daily_bytes, options.dead_letter_total_daily_bytes
        )

    def refuse(self, request: Request, refusal: RequestRefused) -> None:
        """Answer a refused request, after its bytes are kept where they are to be kept."""
        if REJECTIONS[refusal.code].is_kept:
            try:
                self._keep(request, refusal)
            except RequestRefused as ours:
                # It could not be kept: the client must keep it, whatever is wrong with it.
                self._answer(request, ours)
        else:
            self._count(request, refusal.code)
            self._answer(request, refusal)

    def _answer(self, request: Request, refusal: RequestRefused, receipt: str = "") -> None:
        code = refusal.code
        logger.log(REJECTIONS[code].log_level, "refused %s: %s", request.route.path, code.value)
        retry_after = refusal.retry_after_seconds or self._retry_after_seconds
        request.reply(answer_of(code, refusal.detail, retry_after, receipt))

    def _keep(self, request: Request, refusal: RequestRefused) -> None:
        """Send the bytes to the dead letters, or count them beyond the quota; then answer."""
        sender = request.sender
        app_id = sender.app_id if sender else ""
        secret = sender.address_secret if sender else self._strangers_secret
        address = self._addresses.look_up(request.address, secret)
        source = app_id or address[0].decode() or "unknown"
        if not self._quota.take(source, len(request.wire), request.received_at_ms):
            self._count(request, refusal.code)
            self._answer(request, refusal)
            return
        value = request.wire
        readable = request.unpacked or value
        changed = redacted(request, readable, secret)
        if changed is not readable:
            value = changed
        if not value and request.query:
            value = request.original_of_parameters()

        def on_outcome(placement: Placement | None, unknown: RequestRefused | None) -> None:
            if placement is not None:
                self._answer(request, refusal, self._receipt(placement))
            elif unknown is not None:
                self._answer(request, unknown)

        self._delivery.send(
            _DEAD_LETTERS,
            source.encode(),
            value,
            request.dead_letter_headers(address if sender else (address[0], b""), refusal),
            on_outcome,
            app_id=app_id,
            received_at_ms=request.received_at_ms,
            items=0,
        )

    def _count(self, request: Request, code: RejectionCode) -> None:
        app_id = request.sender.app_id if request.sender else ""
        self._statistics.count_refused(
            app_id, request.received_at_ms, request.route.topic, code.value
        )
