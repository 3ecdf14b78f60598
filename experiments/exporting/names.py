"""What the hosts of a log, which has only their numbers, are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from experiments.results.study import Study
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


def host_names(study: Study, seed: int) -> HostNames:
    """Give the names of a run's hosts.

    They are told by the inventory, by the file of ``--hosts``, or by the trace, which is read again.
    """
    try:
        if is_at_sea(study):
            return HostNames([entry.name for entry in entries_of(study)])
        trace = trace_of(study, seed) if study.hosts in (None, "trace") else None
        return HostNames(hosts_of(study, trace)[0].names)
    except (UserError, OSError) as error:
        return HostNames(None, (f"hosts have numbers only: {error}",))
