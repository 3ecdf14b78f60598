"""What a run wrote, in digests: by them it is known whether another run wrote the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from experiments.measures.statistics import Metric
from experiments.results.logs import log_files
from experiments.results.result import Result
from experiments.results.study import RunKey

#: Parts of a run that are no files: its row of the summary without what it cost, and what ``--explain`` told.
METRICS, EXPLAINED = "metrics", "explain"


def spelled(key: RunKey) -> str:
    """Spell a run as ``run.json`` does."""
    return f"{key.architecture} {key.policy} {key.seed}"


def key_of(text: str) -> RunKey:
    """Give the run that `spelled` spelled; a policy may be in a folder whose name has blanks.

    Raises
    ------
    ValueError
        If it is none.
    """
    architecture, _, rest = text.partition(" ")
    policy, _, seed = rest.rpartition(" ")
    return RunKey(architecture, policy, int(seed))


def digests(result: Result, log: Path) -> dict[str, str]:
    """Give the digest of everything that a run wrote, by what it is.

    Parameters
    ----------
    result : Result
        What it came to.
    log : Path
        The folder of logs.
    """
    return dict(_digests(result, log))


def _digests(result: Result, log: Path) -> Iterator[tuple[str, str]]:
    yield METRICS, digest_of_metrics(result.metrics)
    if result.explained:
        yield EXPLAINED, _digest_of_json(list(result.explained))
    for name, path in log_files(log, result.key).items():
        if path.exists():
            yield name, digest_of_file(path)


def digest_of_file(path: Path) -> str:
    """Give a digest of a whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_metrics(metrics: Mapping[str, Metric]) -> str:
    """Give a digest of metrics, whatever their order."""
    return _digest_of_json(dict(metrics))


def _digest_of_json(plain: object) -> str:
    # Numbers are written so that they are read back as they were.
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
