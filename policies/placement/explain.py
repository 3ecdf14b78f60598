"""Why containers of a job went where they went: one decision, host by host.

What is told comes from the very view and the very scores that decided. Nothing of this runs unless somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.cell import ClusterView
from policies.errors import UserError
from policies.placement.interface import Told, terms_of
from policies.placement.placer import Chosen, Placer, name_of, usable_scores
from policies.requests import RESOURCES, Constraint, Task

#: Hosts told of beside the chosen ones.
RUNNERS_UP = 10


class Verdict(StrEnum):
    """Whether a host could have had a container, and if not, what turned it away first."""

    FITS = "fits"
    NOT_SEEN = "not seen"  # the policy did not look at it
    DOWN = "down"
    CONSTRAINT = "constraint"
    KEEPS_APART = "keeps apart"
    NOT_OFFERED = "not offered"  # it came free since the offer was made
    OFFERED = "offered to another"
    PROMISED = "promised to another"
    NO_ROOM = "no room"
    REFUSED = "refused by the policy"  # its score is a veto
    ELSEWHERE = "not in its part"  # another scheduler's partition, or a part that it looks at later


class Reason(NamedTuple):
    """A verdict, and what exactly.

    Attributes
    ----------
    verdict : Verdict
        Which.
    constraint : Constraint, optional
        The first that the host does not satisfy.
    resources : tuple of str
        Those of which too little is free.
    """

    verdict: Verdict
    constraint: Constraint | None = None
    resources: tuple[str, ...] = ()


class Considered(NamedTuple):
    """One host in one decision.

    Attributes
    ----------
    host : int
        Its number in the cell.
    free : mapping
        What the scheduler saw free, by resource: millicores, bytes, milli-GPUs.
    reason : Reason
        Whether it could have had a container.
    short : mapping
        How much too little is free for one container, by resource, in the same units.
    score : float, optional
        Before the first container was placed; None where there is none.
    terms : mapping
        What the score is the sum of, if the policy tells.
    placed : int
        How many containers went there.
    granted : int, optional
        How many of them held at commit; None as long as that is not known, or if they were not claimed.
    """

    host: int
    free: Mapping[str, int]
    reason: Reason
    short: Mapping[str, int]
    score: float | None
    terms: Mapping[str, float]
    placed: int
    granted: int | None = None


class Decision(NamedTuple):
    """Where one scheduler wanted identical containers to go.

    Attributes
    ----------
    task : Task
        What each of them asks for.
    wanted : int
        How many were to be placed.
    hosts : tuple of Considered
        First those that got containers, by score; then the next best; then, if these are few, some that were turned
        away.
    reasons : tuple of (Reason, int)
        How many hosts there are of each, those that fit included; all hosts of the cell.
    """

    task: Task
    wanted: int
    hosts: tuple[Considered, ...]
    reasons: tuple[tuple[Reason, int], ...]


#: Hosts that have room in the books but not in the view, and why.
Withheld = Sequence[tuple[Verdict, BoolArray]]

#: Told of view, task, how many, what was chosen, and what by.
Listener = Callable[[ClusterView, Task, int, Chosen, Told], None]


class TellingPlacer(Placer):
    """A placer that tells how it decides, as long as somebody listens; it decides as any other.

    Attributes
    ----------
    listener : callable, optional
        Told of every decision.
    """

    listener: Listener | None = None

    def place(self, view: ClusterView, task: Task, k: int) -> Chosen:
        """Choose hosts for up to `k` containers, as `Placer.place` does."""
        if self.listener is None or not len(view):
            return super().place(view, task, k)
        if self._chooser is None:
            # Remembered scores are asked for as the decision itself does, so nothing else is remembered afterwards.
            score = self._policy
            remembers = self._remember and view.identity is not None
            scores = self._scores(score, view, task) if remembers else usable_scores(score, view, task)  # type: ignore[arg-type]
            told = Told(scores.copy(), score=score)  # type: ignore[arg-type]
            chosen = super().place(view, task, k)
        elif hasattr(self._chooser, "choose_and_tell"):
            chosen, told = self._chooser.choose_and_tell(view, task, k)
        else:
            chosen, told = super().place(view, task, k), Told()
        self.listener(view, task, k, chosen, told)
        return chosen


def explain(
    view: ClusterView, task: Task, k: int, chosen: Chosen, told: Told, withheld: Withheld = (), elsewhere: int = 0
) -> Decision:
    """Say how a decision came about.

    Parameters
    ----------
    view, task, k, chosen
        Arguments and result of `Placer.place`.
    told : Told
        What the choice was made by.
    withheld : sequence of (Verdict, ndarray of bool of shape (n_hosts,))
        Hosts whose room was kept from this scheduler, where that is why they have none.
    elsewhere : int
        How many hosts of the cell are not in the view.

    Raises
    ------
    UserError
        If the terms of a score do not add up to it.
    """
    reasons, which = _reasons(view, task, told, withheld)
    placed = np.zeros(len(view), dtype=np.int64)
    placed[chosen[0]] = chosen[1]
    seen = np.ones(len(view), dtype=bool) if told.seen is None else told.seen
    rank = np.select([placed > 0, which == 0, seen], [0, 1, 2], 3)
    by_score = rank if told.scores is None else -told.scores
    rows = np.lexsort((by_score, rank))[: np.count_nonzero(placed) + RUNNERS_UP]
    short = _short(view, task)
    terms = _terms(view, task, told)
    hosts = tuple(
        Considered(
            int(view.index[row]),
            {name: int(view.free[axis, row]) for axis, name in enumerate(view.resources)},
            reasons[which[row]],
            {name: int(amounts[row]) for name, amounts in short.items() if amounts[row]},
            None if told.scores is None or told.scores[row] == -np.inf else float(told.scores[row]),
            {} if which[row] else {name: float(term[row]) for name, term in terms.items()},
            int(placed[row]),
        )
        for row in rows.tolist()
    )
    many = np.bincount(which, minlength=len(reasons)).tolist()
    counted = (*zip(reasons, many, strict=True), (Reason(Verdict.ELSEWHERE), elsewhere))
    return Decision(task, k, hosts, tuple((reason, n) for reason, n in counted if n))


def _reasons(view: ClusterView, task: Task, told: Told, withheld: Withheld) -> tuple[list[Reason], IntArray]:
    """Give what may be said of hosts, `Verdict.FITS` first, and which of it is said of each, shape (n_hosts,)."""
    reasons, which = [Reason(Verdict.FITS)], np.zeros(len(view), dtype=np.int64)

    def turn_away(rows: BoolArray, reason: Reason) -> None:
        rows = rows & (which == 0)
        if rows.any():
            which[rows] = len(reasons)
            reasons.append(reason)

    if told.seen is not None:
        turn_away(~told.seen, Reason(Verdict.NOT_SEEN))
    turn_away(~view.alive, Reason(Verdict.DOWN))
    for constraint in task.constraints:
        allowed = view.allowed(Task(task.need, constraints=(constraint,)))
        turn_away(~allowed, Reason(Verdict.CONSTRAINT, constraint))
    if task.apart and view.barred is not None:
        turn_away(view.barred, Reason(Verdict.KEEPS_APART))
    for verdict, rows in withheld:
        turn_away(rows, Reason(verdict))
    # Which resources are short, as one number a host: a bit for each.
    short = _short(view, task)
    lacks = sum(((amounts > 0) << bit for bit, amounts in enumerate(short.values())), np.zeros(len(view), np.int64))
    for number in np.unique(lacks).tolist():
        if number:
            names = tuple(name for bit, name in enumerate(short) if number >> bit & 1)
            turn_away(lacks == number, Reason(Verdict.NO_ROOM, resources=names))
    if told.scores is not None:
        turn_away(told.scores == -np.inf, Reason(Verdict.REFUSED))
    return reasons, which


def _short(view: ClusterView, task: Task) -> dict[str, IntArray]:
    """Give how much too little each host has of what the task asks for, each of shape (n_hosts,), never negative."""
    asked = {name: amount for name, amount in zip(RESOURCES, task.need, strict=True) if amount}
    nothing = np.zeros(len(view), dtype=np.int64)
    free = {name: view.free[row] for row, name in enumerate(view.resources)}
    return {name: np.maximum(amount - free.get(name, nothing), 0) for name, amount in asked.items()}


def _terms(view: ClusterView, task: Task, told: Told) -> Mapping[str, FloatArray]:
    """Give what the scores are the sum of, and see that they are."""
    terms = None if told.score is None else terms_of(told.score)
    if terms is None or told.scores is None:
        return {}
    named = terms(view, task)
    total = sum(named.values(), np.zeros(len(view)))
    usable = told.scores != -np.inf
    if np.shape(total) != (len(view),) or not np.allclose(total[usable], told.scores[usable], rtol=1e-9, atol=1e-9):
        raise UserError(f"policy {name_of(told.score)}: its terms must add up to its score, one float per host each")
    return named
