"""Calls a webhook when a run fails. The body is JSON, short, and holds no secret.

Delivery is tried a few times and then given up with an error in the sensor's tick: an alert must
never hold up the pipeline, and the run's failure is in the UI whatever becomes of the message.
"""

import json
import re
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import stamina

from unmogrowp.errors import ConfigurationError, TransientError

_TIMEOUT_S = 5
_MAX_MESSAGE = 2_000
_SECRETS = (
    re.compile(r"(://[^:/@\s]*:)[^@/\s]+(?=@)"),
    re.compile(
        r"((?:password|passwd|secret|token|api[_-]?key|write[_-]?key)\W{1,3})[^\s,;'\"]+", re.I
    ),
    re.compile(r"(\bBearer\s+)\S+", re.I),
)


@dataclass(frozen=True, slots=True)
class Alert:
    """What a person needs to begin: what failed, where, why, and whether it will be tried again."""

    kind: str
    job: str
    run_id: str
    error: str
    message: str
    failed_at_ms: int
    will_retry: bool
    url: str

    def body(self) -> bytes:
        """Return the JSON that is sent."""
        fields = {**asdict(self), "message": redact(self.message)[:_MAX_MESSAGE]}
        return json.dumps(fields, sort_keys=True).encode()


@dataclass(frozen=True, slots=True)
class WebUi:
    """Where the UI is, for links."""

    url: str


def redact(text: str) -> str:
    """Return a text without passwords in addresses, tokens and keys."""
    for pattern in _SECRETS:
        text = pattern.sub(r"\1***", text)
    return text


class Webhook:
    """Posts alerts to one address; without one it does nothing."""

    def __init__(self, url: str) -> None:
        if url and urlsplit(url).scheme not in {"http", "https"}:
            raise ConfigurationError("UNMOGROWP_ALERTS__WEBHOOK_URL is not an HTTP address")
        self._url = url

    @property
    def is_configured(self) -> bool:
        """Return whether there is anybody to call."""
        return bool(self._url)

    @stamina.retry(on=TransientError, attempts=3, wait_initial=0.5)
    def send(self, alert: Alert) -> None:
        """Deliver an alert; any 2xx is delivery.

        Raises:
            TransientError: Nobody took it, after three tries. The address is a secret and not
                part of the message.
        """
        request = urllib.request.Request(
            self._url,
            data=alert.body(),
            headers={"Content-Type": "application/json", "User-Agent": "unmogrowp"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # nosec B310
                return
        except urllib.error.HTTPError as error:
            with error:  # it is the answer too, and holds the connection
                raise TransientError(f"the webhook answered {error.code}") from None
        except (urllib.error.URLError, OSError) as error:
            raise TransientError(f"the webhook cannot be reached: {type(error).__name__}") from None
