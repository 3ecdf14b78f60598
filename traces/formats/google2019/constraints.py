"""What instances demand of their machines."""

from __future__ import annotations

import json
from math import ceil, floor, inf
from typing import Any

import numpy as np
import pyarrow as pa

from policies.arrays import IntArray
from policies.requests import Constraint, Operator
from traces.reading.arrays import numpy_of
from traces.reading.tables import Batch

EQUAL, NOT_EQUAL, LESS, GREATER, LESS_OR_EQUAL, GREATER_OR_EQUAL, PRESENT, NOT_PRESENT = map(str, range(8))

_LIST = pa.list_(pa.struct({"name": pa.string(), "value": pa.string(), "relation": pa.string()}))

#: Whole numbers below it are exact as floats.
_EXACT = 2**53


class Demands:
    """All different sets of constraints, by their numbers.

    Attributes
    ----------
    sets : list of tuple of Constraint
        The first is empty.

    Notes
    -----
    Memory grows with the different sets, of which there are few, not with the events.
    """

    def __init__(self) -> None:
        self.sets: list[tuple[Constraint, ...]] = [()]
        self._sets: dict[bytes, int] = {b"": 0}
        self._each: dict[tuple[str, str, str], int] = {}
        self._constraints: list[Constraint | None] = []

    def numbers(self, batch: Batch) -> IntArray:
        """Give the number of the set of each row, shape (n,); rows with a constraint that cannot be are marked."""
        found = np.zeros(len(batch), dtype=np.int64)
        if not batch.filled("constraint"):
            return found
        column = _as_lists(batch)
        lengths = numpy_of(column.value_lengths().fill_null(0)).astype(np.int64)
        items = column.flatten()
        parts = dict(zip([field.name for field in items.type], items.flatten(), strict=True))
        texts = [
            parts[name].cast(pa.string()).to_pylist() if name in parts else [None] * len(items)
            for name in ("name", "relation", "value")
        ]
        ids = np.array([self._id(*(text or "" for text in item)) for item in zip(*texts, strict=True)], dtype=np.int64)
        ends = np.cumsum(lengths)
        for row in np.flatnonzero(lengths).tolist():
            own = ids[ends[row] - lengths[row] : ends[row]]
            if wrong := [number for number in own.tolist() if self._constraints[number] is None]:
                text = next(key for key, number in self._each.items() if number == wrong[0])
                batch.bad.setdefault(row, (_reason(*text), " ".join(text)))
            else:
                found[row] = self._set(np.unique(own))
        return found

    def _id(self, name: str, relation: str, value: str) -> int:
        key = (name, relation, value)
        number = self._each.get(key)
        if number is None:
            number = self._each[key] = len(self._constraints)
            self._constraints.append(_constraint(*key))
        return number

    def _set(self, own: IntArray) -> int:
        key = own.tobytes()
        number = self._sets.get(key)
        if number is None:
            number = self._sets[key] = len(self.sets)
            self.sets.append(tuple(c for n in own.tolist() if (c := self._constraints[n]) is not None))
        return number


def _as_lists(batch: Batch) -> pa.Array:
    column = batch.columns["constraint"]
    if pa.types.is_list(column.type) and pa.types.is_struct(column.type.value_type):
        return column
    # In CSV a list is a text of its own, of JSON.
    lists: list[Any] = []
    for row, text in enumerate(batch.text("constraint")):
        try:
            value = json.loads(text, parse_int=str, parse_float=str, parse_constant=str) if text else []
            pa.array([value], _LIST)
        except (ValueError, RecursionError, TypeError, pa.ArrowException):
            batch.bad.setdefault(row, ("constraint is not a list of constraints", text))
            value = []
        lists.append(value)
    return pa.array(lists, _LIST)


def _reason(name: str, relation: str, value: str) -> str:
    if not name or "\0" in name + value:
        return "a constraint without a name"
    if relation not in map(str, range(8)):
        return "unknown relation of a constraint"
    return "a constraint with < or > compares with a number"


def _constraint(name: str, relation: str, value: str) -> Constraint | None:
    """Make a constraint, None where it cannot be."""
    if not name or "\0" in name + value:
        return None
    if relation in (EQUAL, NOT_EQUAL):
        return Constraint(name, Operator.EQUAL if relation == EQUAL else Operator.NOT_EQUAL, value)
    if relation in (PRESENT, NOT_PRESENT):
        return Constraint(name, Operator.EXISTS if relation == PRESENT else Operator.ABSENT)
    try:
        number = float("no" if "_" in value else value)
    except ValueError:
        return None
    if not -_EXACT < number < _EXACT or abs(number) == inf:
        return None
    # Our language compares with whole numbers, by less and greater.
    if relation == LESS:
        return Constraint(name, Operator.LESS, str(ceil(number)))
    if relation == LESS_OR_EQUAL:
        return Constraint(name, Operator.LESS, str(floor(number) + 1))
    if relation == GREATER:
        return Constraint(name, Operator.GREATER, str(floor(number)))
    return Constraint(name, Operator.GREATER, str(ceil(number) - 1)) if relation == GREATER_OR_EQUAL else None
