"""A share of a trace's jobs, none of them split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Any, ClassVar

import numpy as np

from policies.arrays import BoolArray
from policies.errors import UserError
from traces.changed.changed import Changed, Traced
from traces.hosts import Hosts
from traces.trace import Arrival, Recorded, Trace

_DROPPED = "jobs that came after one that was not kept, which is taken to have ended"


class Thinned(Changed):
    """A share of the jobs, chosen by their names.

    A job is kept or dropped as a whole, with all its resubmissions; the jobs of a workflow are so together. Which are
    kept depends on nothing but the seed and the name (of the workflow, or of a job of none), so that the samples of two
    parts of a recording fit together, and a smaller share is a part of a larger one.

    Parameters
    ----------
    trace : Trace
        With all its jobs.
    share : float
        The probability that a job is kept, above 0 and up to 1.
    seed : int
        Of the choice.
    hosts : bool
        Whether machines are thinned likewise. What runs at the beginning in a recorded place then stays on the machines
        that are kept, all of it, so that these begin as full as they were. If not, a share of it stays by name, as of
        all jobs, and with the jobs the load on the machines shrinks.

    Raises
    ------
    ValueError
        If the share is none.

    Notes
    -----
    A job is kept if the 64 bits of the BLAKE2b hash of its name, keyed with the seed, make a number below
    share · 2**64. Nothing is remembered. So a workflow that the trace has no name for is not seen as one: what its jobs
    come after may be dropped, is then taken to have ended, and is counted.
    """

    format: ClassVar[str] = "thinned"

    def __init__(self, trace: Trace, share: float, seed: int = 1, *, hosts: bool = False) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share {share} is not above 0 and up to 1")
        super().__init__(trace)
        self._share, self._seed, self._fewer_hosts = share, seed, hosts
        self._below, self._key = int(share * 2**64), str(seed).encode()
        self._of_hosts: BoolArray | None = None

    def keeps(self, name: str, kind: str = "job") -> bool:
        """Say whether what has this name is kept; `kind` makes machines and jobs independent of each other."""
        data = name.encode("utf-8", "surrogatepass")
        digest = blake2b(data, digest_size=8, key=self._key, person=kind.encode()).digest()
        return int.from_bytes(digest) < self._below

    def _keeps_arrival(self, arrival: Arrival) -> bool:
        return self.keeps(arrival.workflow or arrival.job.id)

    def _changed(self, jobs: Iterable[Traced]) -> Iterator[Traced]:
        self.odd[_DROPPED] = 0
        for arrival, origin in jobs:
            if not self._keeps_arrival(arrival):
                continue
            if arrival.after and not arrival.workflow and not all(map(self.keeps, arrival.after)):
                self.odd[_DROPPED] += 1
            yield arrival, origin

    def change(self) -> dict[str, Any]:
        """Say which share is kept, and how it is chosen."""
        return {
            "change": self.format,
            "share": self._share,
            "seed": self._seed,
            "hosts": self._fewer_hosts,
            "kept": "blake2b(name of the workflow, or of a job of none; 8 bytes, key = the seed in decimal digits, "
            "person = 'job', or 'host' for hosts), read as a big-endian number, is below share * 2**64",
        }

    def prefill(self) -> Iterator[Recorded]:
        """Yield what is kept of what runs at time 0 on its recorded host."""
        if not self._fewer_hosts:
            yield from (entry for entry in self._trace.prefill() if self.keeps(entry.job))
            return
        kept = self._kept_hosts()
        rows = np.cumsum(kept) - 1
        for entry in self._trace.prefill():
            here = kept[entry.hosts]
            if here.any():
                run_s = entry.run_s if np.ndim(entry.run_s) == 0 else np.asarray(entry.run_s)[here]
                yield entry._replace(hosts=rows[entry.hosts[here]], run_s=run_s)

    def prefill_anywhere(self) -> Iterator[Arrival]:
        """Yield what is kept of what runs at time 0 on hosts that nobody knows."""
        return filter(self._keeps_arrival, self._trace.prefill_anywhere())

    def _kept_hosts(self) -> BoolArray:
        if self._of_hosts is None:
            hosts = self._trace.hosts()
            names = () if hosts is None else hosts.names
            self._of_hosts = np.array([self.keeps(name, "host") for name in names], dtype=bool)
        return self._of_hosts

    def hosts(self) -> Hosts | None:
        """Give the machines, all of them or those that are kept.

        Raises
        ------
        UserError
            If none is kept.
        """
        hosts = self._trace.hosts()
        if hosts is None or not self._fewer_hosts:
            return hosts
        kept = self._kept_hosts()
        if not kept.any():
            raise UserError(f"--share {self._share:g} keeps none of the {len(hosts):,} hosts; another --seed might")
        rows, places = np.cumsum(kept) - 1, kept.nonzero()[0].tolist()
        return replace(
            hosts,
            names=[hosts.names[row] for row in places],
            capacity=hosts.capacity[:, kept],
            alive=hosts.alive[kept],
            events=[event._replace(host=int(rows[event.host])) for event in hosts.events if kept[event.host]],
            attributes=[hosts.attributes[row] for row in places] if hosts.attributes else (),
            disks=[hosts.disks[row] for row in places] if hosts.disks else (),
            profiles=[hosts.profiles[row] for row in places] if hosts.profiles else (),
        )

    def _notes(self) -> list[str]:
        what = (
            "jobs and hosts; all that runs at the beginning on those hosts"
            if self._fewer_hosts
            else "jobs, with the hosts as they are: the load on them shrinks with it"
        )
        return [f"--share {self._share:g}, seed {self._seed}: this share of the {what}"]
