"""Which code and which files made results."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LIBRARIES = ("simpy", "numpy", "pandas", "pyarrow", "matplotlib")


def fingerprint(files: Iterable[Path]) -> str:
    """Give a digest of a trace's files: of each its name, its size and its first and last MiB.

    A whole month of a public trace is hundreds of gigabytes, and reading it twice to name it would be no service.
    """
    digest = hashlib.sha256()
    piece = 2**20
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(piece))
            if size > piece:
                file.seek(max(size - piece, piece))
                digest.update(file.read(piece))
    return digest.hexdigest()


def provenance() -> dict[str, Any]:
    """Say which code makes the results: versions of ours and of the libraries, and the revision of the checkout."""
    return {
        "versions": {"towtank": version("towtank"), "python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
        "git_revision": git_revision(),
    }


def version(distribution: str) -> str:
    """Give the version of an installed distribution, or say that it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def git_revision() -> str | None:
    """Give the revision of the checkout we run from, with a plus if it was changed; None outside a checkout."""
    here = Path(__file__).parent
    try:
        revision, changes = (
            subprocess.run(["git", "-C", here, *command], capture_output=True, text=True, check=True).stdout.strip()
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision + "+" * bool(changes)
