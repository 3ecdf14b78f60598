"""Policies that need chance or memory: they choose hosts themselves."""

from __future__ import annotations

from functools import wraps

import numpy as np

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.cell import ClusterView
from policies.errors import UserError
from policies.placement.interface import Score, Told
from policies.placement.placer import NOWHERE, Chosen, best_rows, usable_scores
from policies.placement.scores import least_allocated
from policies.requests import Task

#: Hosts that are drawn at a time.
DRAWS = 4096
#: More draws than this for each host of the cell cost more than looking at all hosts.
MOST_DRAWS = 0.5
#: There is always some hope.
HOPELESS = 1e-6
#: Bits of a whole number that tell which draw it was; the others tell of which host.
RANK_BITS = 32
RANK = (1 << RANK_BITS) - 1
#: How much the latest draws count in what the next ones are expected to find.
LATEST = 0.1
RANKS = np.arange(DRAWS)
ONES = np.ones(DRAWS, dtype=np.int64)
for _constant in (RANKS, ONES):
    _constant.flags.writeable = False


def _ones(n: int) -> IntArray:
    """Give as many ones, not to be written to."""
    return ONES[:n] if n <= DRAWS else np.ones(n, dtype=np.int64)


class RandomFirstFit:
    """Try hosts at random until one has room (the Omega simulator's policy).

    One at a time, each container goes to a host drawn uniformly until one fits. Of identical containers the trials can
    be made together: a draw succeeds if its host, with what earlier draws put there, still has room, and the first `k`
    that succeed are the containers.

    Parameters
    ----------
    rng : numpy.random.Generator
        The scheduler's own stream.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._drawn = np.empty(0, dtype=np.int64)
        self._drawn_of = self._used = 0
        self._luck = 1.0  # the share of draws that are expected to find room

    def choose(self, view: ClusterView, task: Task, k: int) -> Chosen:
        """Choose uniformly among the hosts with room, container by container."""
        if view.need(task) is None:
            return NOWHERE
        if task.constraints or task.apart:
            # Hosts that are not allowed are hosts without room, and there may be many of them.
            return self._draw_rest(view, task, view.fits(task), *NOWHERE, k)
        # As many as will do if luck stays as it was, and some; where that is too little, the rest is looked for.
        draws = k if self._luck == 1.0 else int(k / self._luck * 1.1) + 8
        if draws > len(view) * MOST_DRAWS:
            hosts, counts, left = *NOWHERE, k
        else:
            hosts, counts, left = self._succeed(view, task, self._draw(draws, len(view)), k)
        if not left:
            return hosts, counts
        fits = view.fits(task)
        self._luck = max(np.count_nonzero(fits) / len(view), HOPELESS)
        return self._draw_rest(view, task, fits, hosts, counts, left)

    def _draw(self, k: int, n: int) -> IntArray:
        """Draw `k` of `n` rows with replacement."""
        begin, end = self._used, self._used + k
        if n != self._drawn_of or end > self._drawn.size:
            # Many at a time: the call costs more than the numbers.
            self._drawn, self._drawn_of = self._rng.integers(n, size=max(k, DRAWS)), n
            begin, end = 0, k
        self._used = end
        return self._drawn[begin:end]

    def _succeed(self, view: ClusterView, task: Task, drawn: IntArray, k: int) -> tuple[IntArray, IntArray, int]:
        """Give the hosts of the first `k` draws that find room, how many of them each has, and how many are missing."""
        found = drawn[view.fits(task, drawn)]
        n = found.size
        ranks = RANKS[:n] if n <= DRAWS else np.arange(n)
        # Host and rank in one number: to sort these is several times faster than to sort indices.
        by_host = (found << RANK_BITS) + ranks
        by_host.sort()
        hosts = by_host >> RANK_BITS
        later = hosts[1:]
        again = (later == hosts[:-1]).nonzero()[0]
        if not again.size:
            self._learn(n, drawn.size)
            hosts = found[:k]
            return hosts, _ones(hosts.size), k - hosts.size
        # `run` tells the hosts that were drawn again apart: it is the same for all draws of one, and grows from one to
        # the next. A draw finds those of its run before it on its host, and one more: the first draw of that host.
        number = ranks[: again.size + 1]
        run = again - number[:-1]
        fails = again[view.slots(task, later.take(again)) + run.searchsorted(run) <= number[1:]]
        self._learn(n - fails.size, drawn.size)
        rank = by_host & RANK
        taken = k
        for late in sorted(rank[1:].take(fails).tolist()):
            taken += late < taken  # one more must be looked at for each that fails
        succeeds = rank < taken
        succeeds[1:][fails] = False
        hosts = hosts[succeeds]
        return *self._tally(hosts), k - hosts.size

    def _learn(self, successes: int, draws: int) -> None:
        """Take note of how many draws found room."""
        self._luck = 1.0 if successes == draws else self._luck + LATEST * (successes / draws - self._luck)

    @staticmethod
    def _tally(drawn: IntArray) -> Chosen:
        """Give the different rows among those drawn, which are in order, and how often each came."""
        k = drawn.size
        if not k:
            return NOWHERE
        changes = (drawn[1:] != drawn[:-1]).nonzero()[0]
        if changes.size == k - 1:
            return drawn, _ones(k)
        ends = np.empty(changes.size + 2, dtype=np.int64)
        ends[0], ends[1:-1], ends[-1] = -1, changes, k - 1
        return drawn.take(ends[1:]), ends[1:] - ends[:-1]

    def _draw_rest(
        self, view: ClusterView, task: Task, fits: BoolArray, hosts: IntArray, counts: IntArray, left: int
    ) -> Chosen:
        """Place `left` more where one more fits, but for what is chosen already, `counts` on `hosts`."""
        chosen = np.zeros(len(view), dtype=np.int64)
        chosen[hosts] = counts
        is_open = fits.copy()
        is_open[hosts] = counts < view.slots(task, hosts)
        # Draws of hosts without room come to nothing, so it is enough to draw among the others.
        while left and (open_hosts := is_open.nonzero()[0]).size:
            rows, wanted = self._tally(np.sort(self._rng.integers(open_hosts.size, size=left)))
            hosts = open_hosts.take(rows)
            room = view.slots(task, hosts) - chosen.take(hosts)
            counts = np.minimum(wanted, room)
            chosen[hosts] += counts
            is_open[hosts] = counts < room
            left -= int(counts.sum())
        hosts = chosen.nonzero()[0]
        return hosts, chosen.take(hosts)


class RoundRobin:
    """Go round the hosts, one container each, passing over those without room."""

    def __init__(self) -> None:
        self._next = 0

    def choose(self, view: ClusterView, task: Task, k: int) -> Chosen:
        """Choose the next `k` hosts in the round, several rounds if need be."""
        order = np.roll(np.arange(len(view)), -self._next)
        room = view.slots(task, order)
        counts = np.zeros_like(room)
        while k and (open_hosts := room.nonzero()[0]).size:
            # As many whole rounds at once as every open host can take part in, at least the beginning of one.
            rounds = min(k // open_hosts.size, int(room.take(open_hosts).min()))
            if not rounds:
                open_hosts = open_hosts[:k]
                self._next = int(order[open_hosts[-1]]) + 1
                rounds = 1
            counts[open_hosts] += rounds
            room[open_hosts] -= rounds
            k -= rounds * open_hosts.size
        used = counts.nonzero()[0]
        return order.take(used), counts.take(used)

    def choose_and_tell(self, view: ClusterView, task: Task, k: int) -> tuple[Chosen, Told]:
        """Choose, and tell how many hosts of the round come before each, with a minus."""
        turn = (np.arange(len(view)) - self._next) % len(view)
        told = Told(np.where(view.fits(task), 0.0 - turn, -np.inf))
        return self.choose(view, task, k), told


class PowerOfD:
    """Look at `d` hosts per container, drawn at random, and take the best by some score.

    For one container this is the power of `d` choices (Mitzenmacher, "The power of two choices in randomized load
    balancing", 2001); for the `k` containers of a job it is batch sampling: `d` times `k` hosts are drawn
    and the `k` best places among them taken (Ousterhout et al., "Sparrow", SOSP 2013). What finds no room
    is drawn again, and after `tries` draws looked for everywhere.

    Parameters
    ----------
    rng : numpy.random.Generator
        The scheduler's own stream.
    score : callable
        A row-wise policy.
    d : int
        Hosts looked at per container, at least 1, drawn with replacement; all hosts where that would be as many.
    tries : int
        Draws before all hosts are looked at.
    """

    def __init__(self, rng: np.random.Generator, score: Score = least_allocated, d: int = 2, tries: int = 4) -> None:
        if d < 1 or tries < 1:
            raise UserError("power-of-d: d and tries must be at least 1")
        self._rng, self._score, self._d, self._tries = rng, score, d, tries

    def choose(self, view: ClusterView, task: Task, k: int) -> Chosen:
        """Choose the best of the hosts that were drawn."""
        return self._choose(view, task, k, self._score)

    def choose_and_tell(self, view: ClusterView, task: Task, k: int) -> tuple[Chosen, Told]:
        """Choose, and tell which hosts were drawn."""
        drawn: list[IntArray] = []

        @wraps(self._score)
        def overheard(some: ClusterView, task: Task) -> FloatArray:
            drawn.append(some.index)
            return self._score(some, task)

        chosen = self._choose(view, task, k, overheard)
        seen = np.isin(view.index, np.concatenate(drawn))
        scores = usable_scores(self._score, view, task)
        return chosen, Told(np.where(seen, scores, -np.inf), seen, self._score)

    def _choose(self, view: ClusterView, task: Task, k: int, score: Score) -> Chosen:
        found: list[Chosen] = []
        for attempt in range(self._tries + 1):
            if attempt < self._tries and self._d * k < len(view):
                drawn = np.unique(self._rng.integers(len(view), size=self._d * k))
            else:
                drawn = np.arange(len(view))
            hosts, counts = best_rows(score, view.rows(drawn), task, k)
            hosts = drawn.take(hosts)
            found.append((hosts, counts))
            k -= int(counts.sum())
            if not k or drawn.size == len(view):
                break
            if hosts.size:
                view = view.after(task, hosts, counts)
        if len(found) == 1:
            return found[0]
        hosts, inverse = np.unique(np.concatenate([hosts for hosts, _ in found]), return_inverse=True)
        counts = np.bincount(inverse, weights=np.concatenate([counts for _, counts in found])).astype(np.int64)
        return hosts, counts
