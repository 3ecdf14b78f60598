"""Policies that need chance or memory: they choose hosts themselves."""

from __future__ import annotations

import numpy as np

from policies.arrays import IntArray
from policies.cell import ClusterView
from policies.errors import UserError
from policies.placement.interface import Score
from policies.placement.placer import NOWHERE, Chosen, best_rows
from policies.placement.scores import least_allocated
from policies.requests import Task

#: Hosts that are drawn at a time.
DRAWS = 4096
#: So few that looking at single hosts costs less than looking at all of them, and how often for each.
FEW, TRIES = 48, 5
ONES = np.ones(DRAWS, dtype=np.int64)
ONES.flags.writeable = False


class RandomFirstFit:
    """Try hosts at random until one has room (the Omega simulator's policy).

    One at a time, each container goes to a host drawn uniformly until one fits. Identical containers can be drawn
    together: as many hosts as containers, with replacement, each accepted up to the host's free room, and the
    rest drawn again, is the same sequence of trials and so the same distribution.

    Parameters
    ----------
    rng : numpy.random.Generator
        The scheduler's own stream.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._drawn = np.empty(0, dtype=np.int64)
        self._drawn_of = self._used = 0

    def choose(self, view: ClusterView, task: Task, k: int) -> Chosen:
        """Choose uniformly among the hosts with room, container by container."""
        if view.need(task) is None:
            return NOWHERE
        if task.constraints or task.apart:
            # Hosts that are not allowed are hosts without room, and there may be many of them.
            return self._draw_rest(view.slots(task), *NOWHERE, k)
        hosts, wanted = self._draw(k, len(view))
        if view.all_fit(task, hosts, wanted):
            return hosts, wanted
        counts = np.minimum(wanted, view.slots(task, hosts))
        left = k - int(np.add.reduce(counts))
        if left <= FEW:
            hosts, counts, left = self._try_one_by_one(view, task, hosts, counts, left)
        if left:
            return self._draw_rest(view.slots(task), hosts, counts, left)
        return hosts, counts

    def _try_one_by_one(
        self, view: ClusterView, task: Task, hosts: IntArray, counts: IntArray, left: int
    ) -> tuple[IntArray, IntArray, int]:
        """Try hosts for the last few containers; give all hosts chosen, how many on each, and how many are left."""
        amounts, free, alive = view.amounts(task) or (), view.free.item, view.alive.item
        chosen = {host: count for host, count in zip(hosts.tolist(), counts.tolist(), strict=True) if count}
        for host in self._rng.integers(len(view), size=TRIES * left).tolist():
            again = chosen.get(host, 0) + 1
            for row, amount in amounts:
                if free(row, host) < amount * again:
                    break
            else:
                if alive(host):
                    chosen[host] = again
                    left -= 1
                    if not left:
                        break
        return np.array([*chosen], dtype=np.int64), np.array([*chosen.values()], dtype=np.int64), left

    def _draw(self, k: int, n: int) -> Chosen:
        """Draw `k` of `n` rows with replacement; see `_tally`."""
        begin, end = self._used, self._used + k
        if n != self._drawn_of or end > self._drawn.size:
            # Many at a time: the call costs more than the numbers.
            self._drawn, self._drawn_of = self._rng.integers(n, size=max(k, DRAWS)), n
            begin, end = 0, k
        self._used = end
        return self._tally(self._drawn[begin:end].copy())

    @staticmethod
    def _tally(drawn: IntArray) -> Chosen:
        """Give the different rows among those drawn, ascending, and how often each came."""
        drawn.sort()
        k = drawn.size
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
            rows, wanted = self._tally(self._rng.integers(open_hosts.size, size=left))
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
