"""Policies that need chance or memory: they choose hosts themselves."""

from __future__ import annotations

import numpy as np

from policies.arrays import BoolArray, IntArray
from policies.cell import ClusterView
from policies.errors import UserError
from policies.placement.interface import Score
from policies.placement.placer import NOWHERE, Chosen, best_rows
from policies.placement.scores import least_allocated
from policies.requests import Task

#: Hosts that are drawn at a time.
DRAWS = 4096
#: More draws than this for each host of the cell cost more than looking at all hosts.
MOST_DRAWS = 0.5
#: There is always some hope.
HOPELESS = 1e-6
#: How much the latest draws count in what the next ones are expected to find.
LATEST = 0.1
RANKS = np.arange(DRAWS, dtype=np.int32)
ONES = np.ones(DRAWS, dtype=np.int64)
for _constant in (RANKS, ONES):
    _constant.flags.writeable = False


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
        self._first = np.empty(0, dtype=np.int32)  # for each row, scratch space: the first draw of it
        self._luck = 1.0  # the share of draws that are expected to find room

    def choose(self, view: ClusterView, task: Task, k: int) -> Chosen:
        """Choose uniformly among the hosts with room, container by container."""
        if view.need(task) is None:
            return NOWHERE
        if task.constraints or task.apart:
            # Hosts that are not allowed are hosts without room, and there may be many of them.
            return self._draw_rest(view.slots(task), *NOWHERE, k)
        # As many as will do if luck stays as it was, and some; where that is too little, the rest is looked for.
        draws = k if self._luck == 1.0 else int(k / self._luck * 1.1) + 8
        if draws > len(view) * MOST_DRAWS:
            hosts, counts = NOWHERE
        else:
            hosts, counts = self._succeed(view, task, self._draw(draws, len(view)), k)
        left = k - int(np.add.reduce(counts))
        if not left:
            return hosts, counts
        room = view.slots(task)
        self._luck = max(float(np.count_nonzero(room)) / len(view), HOPELESS)
        return self._draw_rest(room, hosts, counts, left)

    def _draw(self, k: int, n: int) -> IntArray:
        """Draw `k` of `n` rows with replacement."""
        begin, end = self._used, self._used + k
        if n != self._drawn_of or end > self._drawn.size:
            # Many at a time: the call costs more than the numbers.
            self._drawn = self._rng.integers(n, size=max(k, DRAWS))
            if n != self._drawn_of:
                self._drawn_of, self._first = n, np.empty(n, dtype=np.int32)
            begin, end = 0, k
        self._used = end
        return self._drawn[begin:end]

    def _succeed(self, view: ClusterView, task: Task, drawn: IntArray, k: int) -> Chosen:
        """Give the hosts of the first `k` draws that find room, and how many of them each host has."""
        n = drawn.size
        rank = RANKS[:n] if n <= DRAWS else np.arange(n, dtype=np.int32)
        # Written from behind, so that of several draws of a host the first one stays.
        self._first[drawn[::-1]] = rank[::-1]
        first = self._first.take(drawn) == rank
        succeeds = view.fits(task, drawn)
        again = (~first).nonzero()[0]
        if again.size:
            self._draw_again(view, task, drawn, again, succeeds)
        successes = succeeds.nonzero()[0]
        self._luck = 1.0 if successes.size == n else self._luck + LATEST * (successes.size / n - self._luck)
        successes = successes[:k]
        if not again.size:
            hosts = drawn.take(successes)
            return hosts, ONES[: hosts.size] if hosts.size <= DRAWS else np.ones(hosts.size, dtype=np.int64)
        is_first = first.take(successes)
        ones = successes[is_first]
        counts = np.ones(ones.size, dtype=np.int64)
        more = drawn.take(successes[~is_first])
        np.add.at(counts, np.searchsorted(ones, self._first.take(more)), 1)
        return drawn.take(ones), counts

    @staticmethod
    def _draw_again(view: ClusterView, task: Task, drawn: IntArray, again: IntArray, succeeds: BoolArray) -> None:
        """Take back the success of those draws `again` of a host that earlier draws of it leave no room."""
        hosts = drawn.take(again)
        order = hosts.argsort(kind="stable")
        hosts = hosts.take(order)
        number = np.arange(hosts.size)
        begins = number.copy()
        begins[1:] *= hosts[1:] != hosts[:-1]
        # The first draw of a host is not among them, so that already one container more is there.
        already = number - np.maximum.accumulate(begins) + 1
        fails = already >= view.slots(task, hosts)
        succeeds[again[order[fails]]] = False

    @staticmethod
    def _tally(drawn: IntArray) -> Chosen:
        """Give the different rows among those drawn, which are in order, and how often each came."""
        k = drawn.size
        if not k:
            return NOWHERE
        ends = (drawn[1:] != drawn[:-1]).nonzero()[0]
        if ends.size == k - 1:
            return drawn, ONES[:k] if k <= DRAWS else np.ones(k, dtype=np.int64)
        ends = np.concatenate((ends, (k - 1,)))
        times = ends.copy()
        times[0] += 1
        times[1:] -= ends[:-1]
        return drawn.take(ends), times

    def _draw_rest(self, room: IntArray, hosts: IntArray, counts: IntArray, left: int) -> Chosen:
        chosen = np.zeros_like(room)
        chosen[hosts] = counts
        room[hosts] -= counts
        # Draws of hosts without room come to nothing, so it is enough to draw among the others.
        while left and (open_hosts := room.nonzero()[0]).size:
            rows, wanted = self._tally(np.sort(self._rng.integers(open_hosts.size, size=left)))
            hosts = open_hosts.take(rows)
            counts = np.minimum(wanted, room.take(hosts))
            chosen[hosts] += counts
            room[hosts] -= counts
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
        found: list[Chosen] = []
        for attempt in range(self._tries + 1):
            if attempt < self._tries and self._d * k < len(view):
                drawn = np.unique(self._rng.integers(len(view), size=self._d * k))
            else:
                drawn = np.arange(len(view))
            hosts, counts = best_rows(self._score, view.rows(drawn), task, k)
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
