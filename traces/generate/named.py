"""Generated workloads by name: embedded ones, and those described in a file."""

from __future__ import annotations

from pathlib import Path

from traces.generate.default import DEFAULT
from traces.generate.drawing import Generated
from traces.generate.reading import read_spec
from traces.rejects import Rejects

#: Workloads that are there without a file.
EMBEDDED = {"default": DEFAULT, "generated": DEFAULT}


def open_generated(name: str, seed: int, rejects: Rejects) -> Generated:
    """Draw the workload of this name: one of `EMBEDDED`, or a TOML file.

    Raises
    ------
    UserError
        If the file cannot be used.
    """
    if name in EMBEDDED:
        return Generated(EMBEDDED[name], seed, rejects, name)
    return Generated(read_spec(Path(name)), seed, rejects, name, file=Path(name))
