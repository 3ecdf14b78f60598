"""Whether what the books say is so: looked at after every event where somebody asks for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from policies.cell import ClusterView
from policies.cell.audit import check, check_apart, check_constraints
from traces.hosts import Hosts
from traces.replay.containers import Running


class Audit:
    """Keeps what hosts are like apart from the books, and holds the books against what runs.

    Parameters
    ----------
    hosts : Hosts
        The machines.
    """

    def __init__(self, hosts: Hosts) -> None:
        self._labels = [dict(labels) for labels in hosts.attributes or [{}] * len(hosts)]
        self._labelled_s: dict[int, float] = {}
        self._overfull: set[int] = set()  # hosts that may have become smaller than what they hold

    def relabelled(self, host: int, changes: Mapping[str, str | None], now: float) -> None:
        """Take note that a host has other attributes."""
        self._labelled_s[host] = now
        labels = {**self._labels[host], **changes}
        self._labels[host] = {name: value for name, value in labels.items() if value is not None}

    def resized(self, host: int) -> None:
        """Take note that a host has another size: what it holds stays."""
        self._overfull.add(host)

    def check(self, view: ClusterView, there: Collection[Running]) -> None:
        """Assert that the books say what runs, and that it runs where it may."""
        running, recorded = (
            [(r.job.id, r.task, r.hosts.tolist(), r.counts.tolist()) for r in there if r.recorded is kind]
            for kind in (False, True)
        )
        self._overfull = {host for host in self._overfull if (view.free[:, host] < 0).any()}
        claimed, as_recorded = ([entry[1:] for entry in kind] for kind in (running, recorded))
        check(view, claimed, as_recorded, self._overfull)
        check_apart(running, recorded)
        # What runs stays when its host changes.
        changed_s = self._labelled_s
        placed = [
            (r.task, [host for host in r.hosts.tolist() if r.placed_s > changed_s.get(host, -1.0)])
            for r in there
            if r.task.constraints and not r.recorded
        ]
        check_constraints(self._labels, placed)
