"""The jars of Apache Kafka: downloaded once through jgo, checked against our own list, kept.

jgo only warns when a checksum differs and writes straight to the final path, so an interrupted
download would later count as present. Here every jar goes to a folder of its own first, is compared
with the committed SHA-256 list, and only then renamed into place; a jar that is missing or does
not match is downloaded again, on every start. The list names the whole tree: nothing is resolved
at run time (resolving Kafka together with a log4j binding picked kafka-clients 3.9.1).
"""

import fcntl
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unmogrowp.errors import ConfigurationError, TransientError
from unmogrowp.settings import cache_folder

KAFKA_VERSION = "4.4.0"
LIST_FILE = Path(__file__).with_name("kafka_jars.sha256")
PARALLEL_DOWNLOADS = 4
ATTEMPTS = 3

Progress = Callable[[int, int], None]  # bytes done, bytes in all
Fetch = Callable[["Jar", Path, Callable[[int], None]], Path]


@dataclass(frozen=True)
class Jar:
    """One line of the list."""

    sha256: str
    size: int
    coordinate: str  # group:name:version

    @property
    def file_name(self) -> str:
        """Return the jar's name on disk."""
        _, name, version = self.coordinate.split(":")
        return f"{name}-{version}.jar"


class DownloadFailed(TransientError):
    """A jar could not be fetched, or what came was not what the list says."""


def read_list(file: Path = LIST_FILE) -> list[Jar]:
    """Return the jars of the committed list."""
    jars = []
    for line in file.read_text().splitlines():
        if line and not line.startswith("#"):
            sha256, size, coordinate = line.split()
            jars.append(Jar(sha256, int(size), coordinate))
    if not jars:
        raise ConfigurationError(f"{file} names no jars")
    return jars


def is_good(file: Path, jar: Jar) -> bool:
    """Tell whether the file exists and is byte for byte what the list says."""
    try:
        if file.stat().st_size != jar.size:
            return False
        with file.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


def fetch_with_jgo(jar: Jar, folder: Path, advance: Callable[[int], None]) -> Path:
    """Download one jar into `folder` and return its path there."""
    import requests
    from jgo.maven import MavenContext, PythonResolver

    @contextmanager
    def progress(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield advance

    context = MavenContext(
        repo_cache=folder, resolver=PythonResolver(progress_callback=progress), timeout=30
    )
    try:
        return Path(context.create_dependency(jar.coordinate).artifact.resolve())
    except (requests.RequestException, RuntimeError, OSError) as error:
        raise DownloadFailed(f"{jar.coordinate}: {type(error).__name__}: {error}") from error


def ensure_jars(
    cache: Path,
    progress: Progress | None = None,
    jars: list[Jar] | None = None,
    fetch: Fetch = fetch_with_jgo,
) -> list[Path]:
    """Return the verified jars, downloading what is missing or damaged.

    Raises:
        DownloadFailed: Something could not be fetched; what was fetched stays for the next try.
    """
    wanted = read_list() if jars is None else jars
    folder = cache / f"kafka-{KAFKA_VERSION}"
    files = [folder / jar.file_name for jar in wanted]
    if all(is_good(file, jar) for file, jar in zip(files, wanted, strict=True)):
        return files
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be made ({error.strerror}); name another folder with UNMOGROWP_CACHE"
        ) from error
    with (cache / ".kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [
            (jar, file) for file, jar in zip(files, wanted, strict=True) if not is_good(file, jar)
        ]
        for leftover in folder.glob(".partial-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if missing:
            _download(missing, progress, fetch)
    return files


def _download(missing: list[tuple[Jar, Path]], progress: Progress | None, fetch: Fetch) -> None:
    total = sum(jar.size for jar, _ in missing)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(min(done, total), total)

    pool = ThreadPoolExecutor(PARALLEL_DOWNLOADS, thread_name_prefix="jars")
    try:
        waiting = [pool.submit(_download_one, jar, file, advance, fetch) for jar, file in missing]
        for finished in as_completed(waiting):
            finished.result()
    finally:
        # On Ctrl-C or a failure the queued jars are dropped; the folder heals at the next start.
        pool.shutdown(wait=True, cancel_futures=True)


def _download_one(jar: Jar, target: Path, advance: Callable[[int], None], fetch: Fetch) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=target.parent))
        try:
            fetched = fetch(jar, partial, advance)
            if is_good(fetched, jar):
                fetched.replace(target)
                return
            if attempt == ATTEMPTS:
                raise DownloadFailed(
                    f"{jar.coordinate}: what was downloaded is not what the list says "
                    f"(SHA-256 {jar.sha256[:12]}…); it was thrown away"
                )
        except DownloadFailed:
            if attempt == ATTEMPTS:
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _rewrite_list() -> None:
    """Resolve the tree anew and write the list; for whoever raises the version."""
    from jgo.maven import MavenContext, PythonResolver

    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch), resolver=PythonResolver())
        broker = context.create_dependency(f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}")
        inputs, transitive = context.resolver.resolve([broker])
        tree = [*inputs, *[d for d in transitive if d.scope in ("compile", "runtime")]]
        artifacts = {str(d.artifact): d.artifact for d in tree}
        log4j = next(name for name in artifacts if ":log4j-core:" in name).split(":")[-1]
        # Without this binding of slf4j 1.7 the broker logs nothing.
        binding = f"org.apache.logging.log4j:log4j-slf4j-impl:{log4j}"
        artifact = context.create_dependency(binding).artifact
        artifacts[str(artifact)] = artifact
        lines = [line for line in LIST_FILE.read_text().splitlines() if line.startswith("#")]
        for name in sorted(artifacts):
            group, short, _, version = name.split(":")
            content = Path(artifacts[name].resolve()).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            lines.append(f"{digest}  {len(content)}  {group}:{short}:{version}")
    LIST_FILE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["--rewrite"]:
        _rewrite_list()
    else:
        sys.stdout.write(f"{len(ensure_jars(cache_folder()))} jars are in {cache_folder()}\n")
