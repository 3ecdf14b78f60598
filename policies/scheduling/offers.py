"""Two-level scheduling as in Mesos: an allocator offers what is free, and whoever has the offer has it alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from policies.arrays import IntArray
from policies.cell import Claims, Commit, Conflict
from policies.requests import Job, Task
from policies.scheduling.concurrency import worth_claiming
from policies.scheduling.world import Cell, Clock, Process, Watcher

if TYPE_CHECKING:
    from policies.scheduling.scheduler import Pending, Scheduler


@dataclass(frozen=True, slots=True)
class OfferRules:
    """How the allocator makes offers.

    Attributes
    ----------
    batch_s : float
        How long it waits for more to become free, or more schedulers to ask, before it makes an offer.
    latency_s : float
        How long an offer takes to reach its scheduler.
    min_cpus : float
        Less than this many free cores are not offered.
    filter_s : float
        How long a scheduler that could place nothing from an offer is not made another.
    """

    batch_s: float = 1.0
    latency_s: float = 0.001
    min_cpus: float = 0.0
    filter_s: float = 0.0


class Allocator(Watcher):
    """Offers everything that is free to one scheduler at a time; what is on offer nobody else can have.

    Next is the scheduler with the smallest dominant share of what runs (dominant-resource fairness: Ghodsi et al.,
    NSDI 2011); of equal ones the one that asked first. What is merely on offer does not count as anybody's.

    Parameters
    ----------
    clock, cell : Clock, Cell
        The world.
    rules : OfferRules
        How offers are made.
    """

    def __init__(self, clock: Clock, cell: Cell, rules: OfferRules) -> None:
        self._clock, self._cell, self._rules = clock, cell, rules
        self._asking: dict[str, Any] = {}  # scheduler: the event it waits for, in the order of asking
        self._filtered_until: dict[str, float] = {}
        self._running: dict[str, IntArray] = {}  # scheduler: what its containers hold, shape (n_resources,)
        self._out: dict[str, IntArray] = {}  # scheduler: the offer that it holds
        self._making = False
        cell.watch(self)

    def ask(self, scheduler: str) -> Any:
        """Ask for an offer; gives an event whose value is what is offered, shape (n_resources, n_hosts)."""
        event = self._asking[scheduler] = self._clock.event()
        self._wake()
        return event

    def answer(self, scheduler: str, used: dict[Task, int]) -> None:
        """Take back what is left of a scheduler's offer, of which `used` containers were started."""
        del self._out[scheduler]
        view = self._cell.snapshot()
        held = self._running.setdefault(scheduler, np.zeros(len(view.resources), dtype=np.int64))
        for task, count in used.items():
            need = view.need(task)
            assert need is not None
            held += need[:, 0] * count
        if not used and self._rules.filter_s:
            self._filtered_until[scheduler] = self._clock.now + self._rules.filter_s
            self._clock.process(self._wake_later(self._rules.filter_s))
        self._wake()

    def ended(self, scheduler: str, job: Job, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Count it no longer, and see who can have it."""
        held = self._running.get(scheduler)
        if held is not None:
            need = self._cell.snapshot().need(task)
            assert need is not None
            held -= need[:, 0] * counts.sum()
        self._wake()

    def offered_to_others(self, scheduler: str) -> IntArray:
        """Give what other schedulers than this one have on offer, shape (n_resources, n_hosts)."""
        others = np.zeros_like(self._cell.snapshot().free)
        for name, offer in self._out.items():
            if name != scheduler:
                others += offer
        return others

    def _wake(self) -> None:
        # Also where nobody asks yet: whoever does meanwhile is in time for this offer.
        if not self._making:
            self._making = True
            self._clock.process(self._make())

    def _wake_later(self, after_s: float) -> Process:
        yield self._clock.timeout(after_s)
        self._wake()

    def _make(self) -> Process:
        yield self._clock.timeout(self._rules.batch_s)
        self._making = False
        now = self._clock.now
        asking = [name for name in self._asking if self._filtered_until.get(name, 0.0) <= now]
        if not asking:
            return
        view = self._cell.snapshot()
        offer = np.maximum(view.free, 0)
        for held in self._out.values():
            # An offer that is out is of what was free then, and nobody else could have it since.
            offer -= held
        if self._out:
            np.maximum(offer, 0, out=offer)  # a host may have become smaller, or have gone
        cpus = offer[0].sum()
        if not cpus or cpus < 1000 * self._rules.min_cpus:
            return  # whoever asks goes on waiting until something ends or comes back
        chosen = min(asking, key=self._dominant_share) if len(asking) > 1 else asking[0]
        event = self._asking.pop(chosen)
        self._out[chosen] = offer
        yield self._clock.timeout(self._rules.latency_s)
        event.succeed(offer)

    def _dominant_share(self, scheduler: str) -> float:
        held = self._running.get(scheduler)
        if held is None:
            return 0.0
        whole = np.maximum(self._cell.snapshot().capacity.sum(axis=1), 1)
        return float((held / whole).max())


@dataclass(frozen=True, slots=True)
class Offered:
    """Decide on an offer alone: nobody else can have what is in it until it is answered, so nothing can conflict.

    (But for hosts that change meanwhile, and two submissions of one job that keeps apart, decided on the same offer.)
    All jobs that wait when an offer comes are thought about one after another; what was decided starts when the
    last of them is, with the answer.
    """

    allocator: Allocator
    commit: Commit = Commit.INCREMENTAL

    def place(self, scheduler: Scheduler, pending: Pending) -> Process:
        """Try once to place this job and those that wait behind it."""
        offer = yield self.allocator.ask(scheduler.name)
        view = scheduler.cell.snapshot().with_free(offer)
        decided: list[tuple[Pending, list[Claims]]] = []
        taken: list[Claims] = []
        for job in scheduler.queue.take_all(pending):
            for claims in taken:
                view = view.after(claims.task, claims.hosts, claims.counts)
            view = view.without_bars()
            yield scheduler.clock.timeout(scheduler.begin(job, view))
            transaction = scheduler.plan(job, view)
            taken = transaction if worth_claiming(transaction, job, self.commit) else []
            decided.append((job, taken))
        used: dict[Task, int] = {}
        for job, transaction in decided:
            if transaction:
                outcome = yield scheduler.cell.commit(job, transaction, Conflict.FINE, self.commit)
                job.granted(outcome)
                for claims in outcome.accepted:
                    used[claims.task] = used.get(claims.task, 0) + claims.tasks
            scheduler.settle(job)
        self.allocator.answer(scheduler.name, used)
