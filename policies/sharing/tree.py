"""Groups of groups: cgroups, Solaris' zones and projects, the PRM groups of HP-UX."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from policies.arrays import FloatArray
from policies.sharing.waterfill import waterfill


@dataclass(frozen=True, slots=True)
class Leaf:
    """A container in the tree.

    Attributes
    ----------
    container : int
        Its position in the host's columns.
    weight : float
        Its shares among its siblings.
    cap : float
        The most it may use.
    """

    container: int
    weight: float = 1.0
    cap: float = math.inf

    def __post_init__(self) -> None:
        _check(self.weight, self.cap)
        if self.container < 0:
            raise ValueError("positions of containers are counted from 0")

    @property
    def capped(self) -> bool:
        """Whether it has a cap."""
        return self.cap < math.inf


@dataclass(frozen=True, slots=True)
class Branch:
    """A group of containers and of groups, which competes with its siblings as one.

    Attributes
    ----------
    members : tuple of Leaf or Branch
        Who shares what the group gets.
    weight : float
        Its shares among its siblings; that of the root has no effect.
    cap : float
        The most that all its members may use together.
    """

    members: tuple[Leaf | Branch, ...]
    weight: float = 1.0
    cap: float = math.inf

    def __post_init__(self) -> None:
        _check(self.weight, self.cap)

    @property
    def capped(self) -> bool:
        """Whether it, or anything below it, has a cap."""
        return self.cap < math.inf or any(member.capped for member in self.members)

    def containers(self) -> list[int]:
        """Give the positions of the containers below it.

        Raises
        ------
        ValueError
            If one stands there twice.
        """
        places: list[int] = []
        for member in self.members:
            if isinstance(member, Leaf):
                places.append(member.container)
            else:
                places += member.containers()
        if len(set(places)) < len(places):
            raise ValueError("a container stands in the tree twice")
        return places


def _check(weight: float, cap: float) -> None:
    if not 0 <= weight < math.inf:
        raise ValueError("a weight must be finite and not negative")
    if not cap >= 0:
        raise ValueError("a cap must be a number and not negative")


def waterfill_tree(capacity: float, root: Branch, demands: FloatArray) -> FloatArray:
    r"""Share out a resource of one host among the members of a group, and what each gets among its own members.

    Parameters
    ----------
    capacity : float
        What there is to share, finite.
    root : Branch
        The host: every container stands in it at most once, and gets nothing if it does not.
    demands : ndarray of shape (n_containers,)
        What each container would use if it were alone, in the same unit.

    Returns
    -------
    ndarray of shape (n_containers,)
        What each gets.

    Raises
    ------
    ValueError
        As `waterfill` does, or if a container stands in the tree twice.
    IndexError
        If a container stands in the tree that has no demand.

    Notes
    -----
    A group wants what its members want together, up to its cap, so a group that nobody in it uses leaves its share to
    its siblings, as with Solaris' zones and projects, the groups of HP-UX's process resource manager, and cgroups.

    Examples
    --------
    A group has 5 of 10 shares, and its members 1, 1 and 2 of them:

    >>> development = Branch((Leaf(0, 1), Leaf(1, 1), Leaf(2, 2)), weight=5)
    >>> waterfill_tree(100.0, Branch((development, Leaf(3, 5))), np.full(4, 100.0))
    array([12.5, 12.5, 25. , 50. ])
    """
    root.containers()
    given = np.zeros_like(demands, dtype=np.float64)
    _share(min(capacity, root.cap), root, demands, given)
    return given


def _share(amount: float, branch: Branch, demands: FloatArray, given: FloatArray) -> None:
    """Write into `given` what each container below a group gets of what the group got."""
    if not branch.members:
        return
    shares = waterfill(
        amount,
        np.array([wanted(member, demands) for member in branch.members]),
        np.array([member.weight for member in branch.members]),
    ).tolist()
    for member, share in zip(branch.members, shares, strict=True):
        if isinstance(member, Leaf):
            given[member.container] = share
        else:
            _share(share, member, demands, given)


def wanted(member: Leaf | Branch, demands: FloatArray) -> float:
    """Say how much a container or a group would use if it were alone."""
    if isinstance(member, Leaf):
        return min(float(demands[member.container]), member.cap)
    return min(sum(wanted(inner, demands) for inner in member.members), member.cap)
