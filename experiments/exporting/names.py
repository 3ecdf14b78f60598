"""What the hosts of a log, which has only their numbers, are called."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from experiments.results.frames import Frames
from experiments.results.record import are_here
from experiments.running.at_sea import entries_of, is_at_sea
from experiments.running.machines import hosts_of
from experiments.running.simulate import trace_of
from policies.errors import UserError


class HostNames(NamedTuple):
    """What the hosts of a run are called.

    Attributes
    ----------
    names : sequence of str or None
        By number; None where what tells them is not there any more.
    notes : tuple of str
        Why not.
    """

    names: Sequence[str] | None
    notes: tuple[str, ...] = ()

    def of(self, host: int) -> str | None:
        """Give the name of a host; None where nobody knows it."""
        return self.names[host] if self.names is not None and host < len(self.names) else None


def host_names(frames: Frames, seed: int) -> HostNames:
    """Give the names of a run's hosts.

    They are told by the inventory, by the file of ``--hosts``, or by the trace, which is read again if it is as it was:
    in the current folder, or in that which the runs were made in.
    """
    study = frames.study
    from_trace = study.hosts in (None, "trace")
    try:
        if is_at_sea(study):
            return HostNames([entry.name for entry in entries_of(study)])
        with chdir(_folder(frames, "trace" if from_trace else "hosts")):
            return HostNames(hosts_of(study, trace_of(study, seed) if from_trace else None)[0].names)
    except (UserError, OSError) as error:
        return HostNames(None, (f"hosts have numbers only: {error}",))


def _folder(frames: Frames, kind: str) -> Path:
    """Give the folder in which files are as they were when the runs were made of them."""
    manifest = frames.results.manifest()
    inputs = manifest.get("inputs", {}).get(kind, {})
    files = inputs if isinstance(inputs, dict) else {}  # older versions kept one fingerprint of all
    for folder in (Path.cwd(), Path(manifest.get("cwd", "."))):
        if folder.is_dir() and are_here(files, folder):
            return folder
    raise UserError(f"{', '.join(files)} is not there any more, or not as it was ({kind})")
