"""What hosts are like, in columns, and which of them a container's constraints allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from policies.arrays import BoolArray, IntArray
from policies.requests import Constraint

#: Sets of constraints whose hosts are remembered.
REMEMBERED = 1024

#: The code of a host that lacks the attribute: the last entry of whatever is looked up by code.
ABSENT = -1


class Attribute(NamedTuple):
    """One attribute of all hosts.

    Attributes
    ----------
    codes : ndarray of int, shape (n_hosts,)
        Which of the values each host has, `ABSENT` where it has none; read-only.
    values : sequence of str
        Every value that some host has or had.
    """

    codes: IntArray
    values: Sequence[str]


class Attributes:
    """The attributes of all hosts of a cell.

    Parameters
    ----------
    n_hosts : int
        How many hosts there are.
    given : sequence of mapping
        Attributes and values of each host; empty where nothing is known of any.
    """

    def __init__(self, n_hosts: int, given: Sequence[Mapping[str, str]] = ()) -> None:
        self._n = n_hosts
        self._codes: dict[str, IntArray] = {}
        self._known: dict[str, dict[str, int]] = {}  # value: its code
        self._changes: dict[str, int] = {}
        self._allowed: dict[tuple[Constraint, ...], tuple[list[int], BoolArray]] = {}
        for host, mapping in enumerate(given):
            for name, value in mapping.items():
                self.set(host, name, value)

    def __getitem__(self, name: str) -> Attribute:
        """Give an attribute's column; one that no host ever had is absent everywhere."""
        if name not in self._codes:
            return Attribute(np.full(self._n, ABSENT), ())
        codes = self._codes[name].view()
        codes.flags.writeable = False
        return Attribute(codes, tuple(self._known[name]))

    def set(self, host: int, name: str, value: str | None) -> None:
        """Let a host have an attribute of this value, or none."""
        if name not in self._codes:
            self._codes[name], self._known[name] = np.full(self._n, ABSENT), {}
        known = self._known[name]
        self._codes[name][host] = ABSENT if value is None else known.setdefault(value, len(known))
        self._changes[name] = self._changes.get(name, 0) + 1

    def allowed(self, constraints: tuple[Constraint, ...]) -> BoolArray:
        """Say which hosts satisfy all the constraints, shape (n_hosts,), not to be written to.

        The answer is kept until an attribute that it depends on changes somewhere.
        """
        changes = [self._changes.get(constraint.attribute, 0) for constraint in constraints]
        kept = self._allowed.get(constraints)
        if kept is not None and kept[0] == changes:
            return kept[1]
        allowed = np.ones(self._n, dtype=bool)
        for constraint in constraints:
            codes, values = self[constraint.attribute]
            # One look at each value, not at each host.
            allowed &= np.array([*map(constraint.allows, values), constraint.allows(None)])[codes]
        allowed.flags.writeable = False
        self._allowed[constraints] = changes, allowed
        if len(self._allowed) > REMEMBERED:
            del self._allowed[next(iter(self._allowed))]
        return allowed
