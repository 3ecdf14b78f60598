"""From scores to containers on hosts: k identical containers in one go, and scores remembered between goes."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from policies.arrays import FloatArray, IntArray
from policies.cell import ClusterView
from policies.errors import UserError
from policies.placement.interface import Chooser, Policy, Score
from policies.requests import Task

Chosen = tuple[IntArray, IntArray]

NOWHERE: Chosen = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
_ONE = np.ones(1, dtype=np.int64)

#: The date of scores that nothing but a change of their hosts can make stale.
NEVER = (-1, -1.0)

#: Kinds of container whose scores are remembered, the least recently used being forgotten.
REMEMBERED_TASKS = 64


def usable_scores(score: Score, view: ClusterView, task: Task) -> FloatArray:
    """Give the policy's scores, ``-inf`` where the container does not fit.

    Raises
    ------
    UserError
        If the policy returns anything but one number per host.
    """
    return _where_it_fits(_scores(score, view, task), view, task)


def _where_it_fits(scores: FloatArray, view: ClusterView, task: Task) -> FloatArray:
    usable: FloatArray = np.where(view.fits(task), scores, -np.inf)
    return usable


def _scores(score: Score, view: ClusterView, task: Task) -> FloatArray:
    """Give the policy's scores, and see that there is one for each host."""
    scores = score(view, task)
    if getattr(scores, "shape", None) != (len(view),):
        got = getattr(scores, "shape", type(scores).__name__)
        raise UserError(f"policy {name_of(score)} must return one float per host, shape ({len(view)},), not {got}")
    if scores.dtype.kind not in "fiub":
        raise UserError(f"policy {name_of(score)} must return numbers, not {scores.dtype}")
    return scores


def best_rows(score: Score, view: ClusterView, task: Task, k: int, scores: FloatArray | None = None) -> Chosen:
    r"""Place up to `k` containers one after another, each on the host that scores best just then.

    Parameters
    ----------
    score : callable
        A row-wise policy.
    view : ClusterView
        Hosts to choose from.
    task : Task
        What each container asks for.
    k : int
        How many, at least 1.
    scores : ndarray of float, shape (n_hosts,), optional
        `usable_scores` of this view, if they are known already.

    Returns
    -------
    hosts, counts : ndarray of int, shape (m,)
        Rows of `view`, each once, and how many containers on each. Of equal scores the lowest row wins.

    Notes
    -----
    One at a time would re-score a row after every container. Since a score is row-wise, the scores that a host
    goes through as it fills, :math:`s_h(0), s_h(1), …`, do not depend on the others, and always taking the
    best head of these sequences yields the same containers as the `k` largest of their running minima
    :math:`\min_{i \le j} s_h(i)`: a score above its predecessors' minimum is taken at once after them. Only the `k`
    hosts with the best first score can be among them, and they are looked at deeper and deeper until none is used up.
    """
    if k == 1:
        return _best_row(score, view, task, scores)
    if scores is None:
        scores = usable_scores(score, view, task)
    rows = _best_heads(scores, k)
    if not rows.size:
        return NOWHERE
    _refuse_nan(scores.max(), score)
    # Vectors of a few hundred cost no more than short ones, so few rows are looked at deeper at once.
    depth = min(k, max(2, 256 // rows.size))
    while True:
        deep = np.tile(rows, depth)
        level = np.repeat(np.arange(depth), rows.size)
        ahead = usable_scores(score, view.rows(deep).after(task, slice(None), level), task)
        _refuse_nan(ahead.max(), score)
        least = np.minimum.accumulate(ahead.reshape(depth, rows.size), axis=0).ravel()
        order = np.lexsort((level, deep, -least))[:k]
        taken = deep[order[least[order] > -np.inf]]
        hosts, counts = np.unique(taken, return_counts=True)
        if depth >= k or not (counts == depth).any():
            return hosts, counts
        # Looking deeper only adds better places: hosts that got nothing now will get nothing then.
        rows, depth = hosts, min(k, depth * 4)


def _best_row(score: Score, view: ClusterView, task: Task, usable: FloatArray | None) -> Chosen:
    """Place one container."""
    if usable is None:
        scores = _scores(score, view, task)
        best = int(scores.argmax())
        # The best host usually has room, and then nobody need know which others have.
        if scores[best] > -np.inf and view.has_room(task, best):
            return np.array([best]), _ONE
        usable = _where_it_fits(scores, view, task)
    best = int(usable.argmax())
    _refuse_nan(usable[best], score)
    return NOWHERE if usable[best] == -np.inf else (np.array([best]), _ONE)


def _best_heads(scores: FloatArray, k: int) -> IntArray:
    """Give the rows of the `k` best scores, ascending; of equal ones the lowest rows; none that is -inf."""
    if k < scores.size:
        threshold = np.partition(scores, scores.size - k)[scores.size - k]
        if threshold > -np.inf:
            better = (scores > threshold).nonzero()[0]
            equal = (scores == threshold).nonzero()[0][: k - better.size]
            rows: IntArray = np.concatenate((better, equal))
            rows.sort()
            return rows
    usable: IntArray = (scores != -np.inf).nonzero()[0]
    return usable


def _refuse_nan(value: float, score: Score) -> None:
    if value != value:
        raise UserError(
            f"policy {name_of(score)} gave a host NaN, as a division of nothing by nothing does "
            "(view.per_capacity is 0 where a host lacks a resource, and multiplies without harm)"
        )


def name_of(policy: object) -> str:
    """Give a policy's own name for a message."""
    return getattr(policy, "__name__", type(policy).__name__)


class _Remembered(NamedTuple):
    scores: FloatArray
    version: IntArray
    stamp: tuple[int, float]  # see `Measurements.stamp`


class Placer:
    """Chooses hosts by one policy, for one scheduler or for several that decide alike.

    Parameters
    ----------
    policy : callable or Chooser
        A row-wise score, or an object with ``choose``.
    remember : bool
        Whether scores are kept and only rows whose version moved are scored again; decisions are the same. Scores made
        of what is measured, or of its age, are kept until somebody measures again, or time moves.
    """

    def __init__(self, policy: Policy, remember: bool = True) -> None:
        self._policy = policy
        self._chooser: Chooser | None = policy if hasattr(policy, "choose") else None
        self._remember = remember
        self._remembered: OrderedDict[tuple[Task, int | None], _Remembered] = OrderedDict()

    def place(self, view: ClusterView, task: Task, k: int) -> Chosen:
        """Choose hosts for up to `k` containers.

        Returns
        -------
        hosts, counts : ndarray of int, shape (m,)
            Different hosts, and how many containers on each, at least 1; in all at most `k`.
        """
        if not len(view):
            return NOWHERE
        if self._chooser is None:
            score: Score = self._policy  # type: ignore[assignment]
            known = self._scores(score, view, task) if self._remember and view.identity is not None else None
            return best_rows(score, view, task, k, known)
        chosen = self._chooser.choose(view, task, k)
        if isinstance(chosen, tuple):
            return chosen
        hosts = chosen.nonzero()[0]
        return hosts, chosen.take(hosts)

    def _scores(self, score: Score, view: ClusterView, task: Task) -> FloatArray:
        key = task, view.identity
        known = self._remembered.get(key)
        measurements = None if view.demands is None else view.demands.measurements
        if measurements is not None:
            measurements.clear_reads()
            if known is not None and not measurements.holds(known.stamp):
                known = None
        if known is None:
            scores = usable_scores(score, view, task)
            stamp = NEVER if measurements is None else measurements.stamp()
            self._remembered[key] = _Remembered(scores, view.version.copy(), stamp)
            self._remembered.move_to_end(key)
            if len(self._remembered) > REMEMBERED_TASKS:
                self._remembered.popitem(last=False)
            return scores
        self._remembered.move_to_end(key)
        moved = (view.version != known.version).nonzero()[0]
        if moved.size:
            known.scores[moved] = usable_scores(score, view.rows(moved), task)
            known.version[moved] = view.version.take(moved)
            if measurements is not None:
                # What read nothing at first may read something of these rows.
                measure, time = measurements.stamp()
                stamp = max(measure, known.stamp[0]), max(time, known.stamp[1])
                self._remembered[key] = known._replace(stamp=stamp)
        return known.scores


class Checked:
    """A chooser of somebody else's, whose choices are looked at before they are believed."""

    def __init__(self, chooser: Chooser, name: str) -> None:
        self._chooser, self._name = chooser, name

    def choose(self, view: ClusterView, task: Task, k: int) -> Chosen:
        """Choose as the chooser does.

        Raises
        ------
        UserError
            If it places more containers than it was given, on a host without room, or twice on one.
        """
        chosen = self._chooser.choose(view, task, k)
        try:
            parts = [np.asarray(part) for part in (chosen if isinstance(chosen, tuple) else (chosen,))]
            whole = all(part.dtype.kind in "iub" or bool((part == np.rint(part)).all()) for part in parts)
        except (TypeError, ValueError):
            whole = False
        if not whole:
            raise UserError(f"policy {self._name} must choose hosts and counts in whole numbers")
        if len(parts) == 2:
            hosts, counts = (part.astype(np.int64) for part in parts)
            if hosts.shape != counts.shape or hosts.ndim != 1 or np.unique(hosts).size < hosts.size:
                raise UserError(f"policy {self._name} must name each host once, with one count each")
        elif len(parts) == 1 and parts[0].shape == (len(view),):
            hosts = parts[0].nonzero()[0]
            counts = parts[0].take(hosts).astype(np.int64)
        else:
            raise UserError(
                f"policy {self._name} must return containers per host, shape ({len(view)},), "
                "or a pair of hosts and counts"
            )
        some = counts != 0
        hosts, counts = hosts[some], counts[some]
        if hosts.size and (hosts.min() < 0 or hosts.max() >= len(view)):
            raise UserError(f"policy {self._name} chose a host that the cell does not have")
        if (counts < 0).any() or counts.sum() > k:
            raise UserError(f"policy {self._name} was asked for at most {k} containers and placed {counts.sum()}")
        if (counts > view.slots(task, hosts)).any():
            raise UserError(f"policy {self._name} placed a container on a host where it does not fit")
        return hosts, counts
