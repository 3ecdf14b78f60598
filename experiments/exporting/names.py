"""What the hosts of a log, which has only their numbers, are called."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.results.study import Study
from experiments.running.at_sea import entries_of, is_at_sea
from experiments.running.machines import hosts_of
from experiments.running.simulate import trace_of
from policies.errors import UserError


def host_names(study: Study, seed: int) -> Sequence[str] | None:
    """Give the names of a run's hosts by number; None where what tells them is not there any more.

    Hosts are told by the inventory, by the file of ``--hosts``, or by the trace, all of which are read again.
    """
    try:
        if is_at_sea(study):
            return [entry.name for entry in entries_of(study)]
        return hosts_of(study, trace_of(study, seed))[0].names
    except (UserError, OSError):
        return None
