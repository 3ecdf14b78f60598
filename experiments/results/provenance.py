"""Which code, on what kind of machine, and which files made results."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

from policies.placement.catalogue import ENTRY_POINTS

#: What results are made with; all but ``matplotlib``, which only draws them, decide what comes out.
LIBRARIES = ("simpy", "numpy", "pandas", "pyarrow", "duckdb", "scipy", "matplotlib")

#: The packages that are ours.
ROOMS = ("policies", "sim", "real", "traces", "experiments")

#: How much of either end of a file is read to know it again.
_PIECE = 2**20


def fingerprint(path: Path) -> str:
    """Give a digest of a file: of its size and its first and last MiB.

    A whole month of a public trace is hundreds of gigabytes, and reading it twice to name it would be no service.
    """
    digest = hashlib.sha256()
    size = path.stat().st_size
    digest.update(f"{size}\n".encode())
    with path.open("rb") as file:
        digest.update(file.read(_PIECE))
        if size > _PIECE:
            file.seek(max(size - _PIECE, _PIECE))
            digest.update(file.read(_PIECE))
    return digest.hexdigest()


def provenance() -> dict[str, Any]:
    """Say what makes results: versions of ours, of libraries and of packages of policies, our sources, the machine."""
    return {
        "versions": versions(),
        "platform": platform_told(),
        "git_revision": git_revision(),
        "code_digest": code_digest(),
    }


def versions() -> dict[str, str]:
    """Give the versions of ours, of Python, of the libraries that results are made with and of packages of policies."""
    policies = {entry.dist.name for entry in importlib.metadata.entry_points(group=ENTRY_POINTS) if entry.dist}
    ours = {"towtank": version("towtank"), "python": platform.python_version()}
    return ours | {name: version(name) for name in (*LIBRARIES, *sorted(policies))}


def platform_told() -> dict[str, str]:
    """Say on what kind of machine we are: as far as floating-point results may depend on it.

    NumPy has loops for each set of vector instructions, and the C library others for each of its versions, whose
    logarithms and powers may differ in the last bit.
    """
    import numpy as np

    found = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "simd": " ".join(found) or "baseline",
    }


def code_digest() -> str:
    """Give a digest of our sources, which change more often than our version."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


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
