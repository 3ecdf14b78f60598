"""Labels and constraints as words: how the native format and host files write them.

Words are separated by spaces. A label is ``disk=ssd``. A constraint is ``disk=ssd``, ``zone!=b``, ``kernel>3``,
``kernel<10``, ``zone=a,b`` (one of these), ``zone!=a,b`` (none of these), ``gpu`` (has it) or ``!gpu`` (has it not).
A character that would be in the way is written as in a URL: ``%20`` is a space, ``%2C`` a comma.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote, unquote

from policies.requests import Constraint, Operator

_COMPARISON = re.compile(r"([^=!<>]+)(!=|=|<|>)([^=!<>]*)")
_PRESENCE = re.compile(r"(!?)([^=!<>]+)")
_SEVERAL = {Operator.EQUAL: Operator.IN, Operator.NOT_EQUAL: Operator.NOT_IN}
_SIGN = {Operator.IN: "=", Operator.NOT_IN: "!="}


def read_labels(text: str) -> dict[str, str]:
    """Read the labels of a host.

    Raises
    ------
    ValueError
        Saying what is wrong with them.

    Examples
    --------
    >>> read_labels("disk=ssd owner=Jo%20Doe")
    {'disk': 'ssd', 'owner': 'Jo Doe'}
    """
    labels: dict[str, str] = {}
    for word in text.split():
        name, sign, value = word.partition("=")
        if not (name and sign):
            raise ValueError("labels are key=value, separated by spaces")
        if unquote(name) in labels:
            raise ValueError("a label is there twice")
        labels[unquote(name)] = unquote(value)
    return labels


def write_labels(labels: Mapping[str, str]) -> str:
    """Write the labels of a host so that `read_labels` reads the same.

    Raises
    ------
    ValueError
        If one of them has no name.

    Examples
    --------
    >>> write_labels({"disk": "ssd", "owner": "Jo Doe"})
    'disk=ssd owner=Jo%20Doe'
    """
    if "" in labels:
        raise ValueError("a label without a name")
    return " ".join(f"{quote(name)}={quote(value)}" for name, value in labels.items())


@lru_cache(maxsize=4096)
def read_constraints(text: str) -> tuple[Constraint, ...]:
    """Read the constraints of a job.

    Raises
    ------
    ValueError
        Saying what is wrong with them.

    Examples
    --------
    >>> [(name, str(operator), value) for name, operator, value in read_constraints("disk=ssd zone!=a,b kernel>3 !gpu")]
    [('disk', '=', 'ssd'), ('zone', 'notin', ('a', 'b')), ('kernel', '>', '3'), ('gpu', 'absent', '')]
    """
    return tuple(_constraint(word) for word in text.split())


def _constraint(word: str) -> Constraint:
    if found := _PRESENCE.fullmatch(word):
        return Constraint(unquote(found[2]), Operator.ABSENT if found[1] else Operator.EXISTS)
    found = _COMPARISON.fullmatch(word)
    if found is None:
        raise ValueError("constraints are key=value, key!=value, key<number, key>number, key or !key")
    name, operator, value = unquote(found[1]), Operator(found[2]), found[3]
    if operator in _SEVERAL:
        if "," not in value:
            return Constraint(name, operator, unquote(value))
        # A comma at the end makes one value a list, too.
        return Constraint(name, _SEVERAL[operator], tuple(map(unquote, value.removesuffix(",").split(","))))
    if not re.fullmatch(r"-?[0-9]+", value):
        raise ValueError("constraints with < and > compare whole numbers")
    return Constraint(name, operator, value)


def write_constraints(constraints: Iterable[Constraint]) -> str:
    """Write constraints so that `read_constraints` reads the same.

    Raises
    ------
    ValueError
        If an attribute has no name, or a list of values is empty.
    """
    return " ".join(map(_word, constraints))


def _word(constraint: Constraint) -> str:
    name, operator, value = quote(constraint.attribute), constraint.operator, constraint.value
    if not name or not (value or isinstance(value, str)):
        raise ValueError("a constraint without a name or without any value")
    if operator is Operator.EXISTS:
        return name
    if operator is Operator.ABSENT:
        return f"!{name}"
    if isinstance(value, str):
        return f"{name}{operator}{quote(value)}"
    listed = ",".join(map(quote, value))
    return f"{name}{_SIGN[operator]}{listed}{',' if len(value) == 1 or not value[-1] else ''}"
