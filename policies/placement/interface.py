"""What a placement policy is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.cell import ClusterView
from policies.requests import Task

#: One float per host, shape (n_hosts,); higher is better, ``-inf`` is a veto. Whether the container fits is the
#: cell's business, not the policy's: hosts without room are left out whatever their score. A score is *row-wise*:
#: a host's score depends on that host's row alone, so that it can be cached and re-made row by row.
Score = Callable[[ClusterView, Task], FloatArray]


#: What a score is the sum of, by name, each of shape (n_hosts,): for people who ask why.
Terms = Callable[[ClusterView, Task], Mapping[str, FloatArray]]

_S = TypeVar("_S", bound=Score)


def with_terms(terms: Terms) -> Callable[[_S], _S]:
    """Let a score have the attribute ``terms``; a score that is an object has a method of that name instead."""

    def mark(score: _S) -> _S:
        vars(score)["terms"] = terms
        return score

    return mark


def terms_of(score: Score) -> Terms | None:
    """Give what says what a score is the sum of, with the parameters that the score was given; None if nothing does."""
    if isinstance(score, partial):
        terms = terms_of(score.func)
        return None if terms is None else partial(terms, **score.keywords)
    found: Terms | None = getattr(score, "terms", None)
    return found


class Chooser(Protocol):
    """A policy that needs the whole view, chance or memory; it is never cached.

    It may also have a ``choose_and_tell``: it chooses as ``choose`` does, chance and memory included, and gives, beside
    hosts and counts, what is `Told` about the choice.
    """

    def choose(self, view: ClusterView, task: Task, k: int) -> IntArray | tuple[IntArray, IntArray]:
        """Choose hosts for up to `k` containers.

        Returns
        -------
        ndarray of int, shape (n_hosts,), or a pair of ndarrays of int, shape (m,)
            Containers per host; or, where few hosts get any, different hosts and how many containers on each.
            Never more in all than `k`, nor more on a host than fit.
        """
        ...


Policy = Score | Chooser


class Told(NamedTuple):
    """What a choice was made by, as far as the policy can tell.

    Attributes
    ----------
    scores : ndarray of float, shape (n_hosts,), optional
        Before the first container was placed; higher is better, ``-inf`` on a host that cannot have it.
    seen : ndarray of bool, shape (n_hosts,), optional
        Which hosts were looked at; all of them by default.
    score : callable, optional
        What gave the scores, where it is a policy of its own and may know terms.
    """

    scores: FloatArray | None = None
    seen: BoolArray | None = None
    score: Score | None = None
