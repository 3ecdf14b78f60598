"""Reader of the input files of the Omega paper's lightweight simulator; see `traces.generate.omega_files`.

They have distributions and no jobs. Here the jobs are drawn with one fixed seed, so that they are as reproducible as
recorded ones; ``generated:omega-files:FOLDER`` draws others for each seed of a run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from traces.reading import sniff
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import Rejects

if TYPE_CHECKING:
    from traces.trace import Trace

#: What the names of the three distributions have in them.
DISTRIBUTIONS = ("interarrival", "csizes", "runtimes")


def READER(path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> Trace:  # noqa: N802  # as those that are classes
    """Open the files."""
    from traces.generate.omega_files import OmegaFiles  # not where another format is looked for

    return OmegaFiles(path, rejects, options)


def looks_like(path: Path) -> bool:
    """Say whether a folder, or one in it, has the three distributions."""
    if not path.is_dir():
        return False
    folders = [path, *sorted(folder for folder in path.iterdir() if folder.is_dir())]
    return any(all(_has(folder, name) for name in DISTRIBUTIONS) for folder in folders)


def _has(folder: Path, name: str) -> bool:
    return any(map(_is_distribution, [*folder.glob(f"*{name}*.log"), *folder.glob(f"*{name}*.log.gz")]))


def _is_distribution(file: Path) -> bool:
    rows = [line.split() for line in sniff.head(file).splitlines()[:1]]
    return bool(rows) and len(rows[0]) == 4 and rows[0][2] in ("0", "1")
