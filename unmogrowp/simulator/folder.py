"""The folder of a market: traffic to be sent, truth to be held against, and a manifest.

    manifest.json            seed, shape and the whole configuration, counts, hashes; written last
    requests.ndjson.gz       every request in the order of arrival (see `wire`)
    skadnetwork.ndjson.gz    postbacks of iPhones, in the same form
    truth/*.parquet          installs, touches, journeys, reengagements, postbacks (see `truth`)
    truth/channels.json      totals per channel
    truth/coalitions.json    installs that would have happened with each set of channels

The hashes are those of the unpacked content: how gzip packs it may differ between machines. A
folder without a manifest is unfinished and is written anew.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from isal import isal_zlib

from unmogrowp.clock import utc
from unmogrowp.errors import ConfigurationError
from unmogrowp.simulator import truth
from unmogrowp.simulator.generate import Played
from unmogrowp.simulator.population import HOSTING_PREFIX
from unmogrowp.simulator.skadnetwork import PATH, Postback, Signer, postbacks
from unmogrowp.simulator.traffic import traffic_counts, traffic_lines

FORMAT = 1
MANIFEST = "manifest.json"
REQUESTS = "requests.ndjson.gz"
SKADNETWORK = "skadnetwork.ndjson.gz"
TRUTH = "truth"

Step = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """A finished folder and what its manifest says."""

    folder: Path
    manifest: dict[str, Any]


def prepare_folder(folder: Path) -> None:
    """Make the folder; whatever an unfinished run left in it may be overwritten.

    Raises:
        ConfigurationError: It holds a finished market or somebody else's files.
    """
    known = {MANIFEST, REQUESTS, SKADNETWORK, TRUTH}
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file; name a folder")
    if folder.is_dir():
        present = {entry.name for entry in folder.iterdir()}
        if MANIFEST in present:
            raise ConfigurationError(f"{folder} holds a market already; name another folder")
        if present - known:
            raise ConfigurationError(f"{folder} holds other files; name an empty or new folder")
    (folder / TRUTH).mkdir(parents=True, exist_ok=True)


def write_market(played: Played, folder: Path, on_step: Step = lambda *_: None) -> Written:
    """Write everything; `on_step(what, done, total)` is called for a progress bar.

    Raises:
        ConfigurationError: The folder is not free.
    """
    prepare_folder(folder)
    counts: dict[str, int] = {
        "people": played.users,
        "devices": played.devices.height,
        "installs": played.installs.height,
        **traffic_counts(played),
    }
    files: dict[str, dict[str, Any]] = {}
    done = 0

    def lines() -> Iterable[pl.Series]:
        nonlocal done
        for chunk in traffic_lines(played):
            done += len(chunk)
            yield chunk
            on_step("requests", done, counts["requests"])

    files[REQUESTS] = _write_lines(folder / REQUESTS, lines())
    answers = postbacks(played)
    files[SKADNETWORK] = _write_lines(folder / SKADNETWORK, [_postback_lines(answers)])
    counts["postbacks"] = len(answers)
    for name, frame in _truth_frames(played, answers).items():
        path = folder / TRUTH / f"{name}.parquet"
        frame.write_parquet(path, compression="zstd")
        files[f"{TRUTH}/{path.name}"] = _described(path.read_bytes(), frame.height)
        on_step(f"truth of {name}", 1, 1)
    for name, content in (
        ("channels", truth.channel_totals(played)),
        ("coalitions", _coalitions(played)),
    ):
        text = json.dumps(content, indent=1).encode()
        (folder / TRUTH / f"{name}.json").write_bytes(text)
        files[f"{TRUTH}/{name}.json"] = _described(text, len(content))
    manifest = _manifest(played, counts, files)
    partial = folder / f"{MANIFEST}.partial"
    partial.write_text(json.dumps(manifest, indent=1) + "\n")
    partial.rename(folder / MANIFEST)
    return Written(folder, manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished folder.

    Raises:
        ConfigurationError: There is none, or of another format.
    """
    try:
        manifest = dict(json.loads((folder / MANIFEST).read_text()))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{folder} holds no finished market (no {MANIFEST}); "
            f"make one: unmogrowp simulate --out {folder}"
        ) from None
    except (ValueError, OSError) as error:
        raise ConfigurationError(f"{folder / MANIFEST} cannot be read: {error}") from error
    if manifest.get("format") != FORMAT:
        raise ConfigurationError(
            f"{folder} has format {manifest.get('format')}, this version reads {FORMAT}"
        )
    return manifest


def _truth_frames(played: Played, answers: list[Postback]) -> dict[str, pl.DataFrame]:
    messages, sessions = truth.install_messages(played), truth.delivered_sessions(played)
    touches = truth.touch_truth(played, messages)
    return {
        "touches": touches,
        "installs": truth.install_truth(played, touches, messages, sessions),
        "journeys": truth.journey_truth(played, messages),
        "reengagements": truth.return_truth(played, touches, messages, sessions),
        "postbacks": pl.DataFrame(
            {
                "transaction_id": [one.body["transaction-id"] for one in answers],
                "install_message_id": messages.gather([one.install for one in answers]),
                "did_win": [one.body["did-win"] for one in answers],
                "arrives_at": [one.at for one in answers],
            },
            schema_overrides={"transaction_id": pl.String, "did_win": pl.Boolean},
        ),
    }


def _coalitions(played: Played) -> list[dict[str, Any]]:
    channels = played.market.channels
    return [
        {
            "media_sources": [name for n, name in enumerate(channels) if bits >> n & 1],
            "installs": count,
        }
        for bits, count in sorted(played.causes.installs_by_coalition.items())
    ]


def _postback_lines(answers: list[Postback]) -> pl.Series:
    return pl.Series(
        [
            json.dumps(
                {
                    "at": one.at,
                    "method": "POST",
                    "path": PATH,
                    "headers": {"Content-Type": "application/json"},
                    "body": one.body,
                },
                separators=(",", ":"),
            )
            for one in answers
        ],
        dtype=pl.String,
    )


def _write_lines(path: Path, chunks: Iterable[pl.Series]) -> dict[str, Any]:
    digest, size, rows = sha256(), 0, 0
    packer = isal_zlib.compressobj(1, wbits=31)  # gzip, without a date in its header
    with path.open("wb") as file:
        for chunk in chunks:
            text = ("\n".join(chunk) + "\n").encode() if len(chunk) else b""
            digest.update(text)
            size += len(text)
            rows += len(chunk)
            file.write(packer.compress(text))
        file.write(packer.flush())
    return {"rows": rows, "bytes": size, "sha256": digest.hexdigest()}


def _described(content: bytes, rows: int) -> dict[str, Any]:
    return {"rows": rows, "bytes": len(content), "sha256": sha256(content).hexdigest()}


def _manifest(
    played: Played, counts: dict[str, int], files: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    span = played.span
    return {
        "format": FORMAT,
        "shape": played.market.shape,
        "seed": played.seed,
        "users": played.users,
        "days": span.days,
        "start": utc(span.start_ms).isoformat(),
        "end": utc(span.end_ms).isoformat(),
        "counts": counts,
        "files": files,
        "hosting_prefixes": [HOSTING_PREFIX],
        "skadnetwork_public_key": Signer(played.seed).public_key,
        "numpy": np.__version__,
        "polars": pl.__version__,
        "market": played.market.model_dump(mode="json"),
    }
