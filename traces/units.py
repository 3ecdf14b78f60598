"""Units at the door: what people and traces write becomes the ledger's whole numbers here."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from policies.arrays import FloatArray
from policies.errors import UserError

#: Millicores in a core.
MILLI = 1000
#: Milli-GPUs in a GPU.
GPU_MILLI = 1000

#: Whole numbers below it are exact as floats; more of anything than any machine has.
EXACT = 2**53

_SIZES = {"": 1, "B": 1}
for _power, _letter in enumerate("KMGTPE", start=1):
    _SIZES[f"{_letter}B"] = _SIZES[_letter] = 1000**_power
    _SIZES[f"{_letter}iB"] = _SIZES[f"{_letter}i"] = 1024**_power
_SIZES["kB"] = 1000

_TIMES = {"": 1.0, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}

#: More than any of them is a slip of the pen, and the books could not hold it.
_TOO_MUCH = 2**63

_AMOUNT = re.compile(r"\s*([0-9]{1,99}\.?[0-9]{0,99}|\.[0-9]{1,99})([eE][+-]?[0-9]{1,3})?\s*([A-Za-z]*)\s*")


def _parse(text: str, units: Mapping[str, float], what: str, examples: str) -> float:
    match = _AMOUNT.fullmatch(text)
    if match is None or match[3] not in units:
        raise UserError(f"{text!r} is not a {what}, for instance {examples}")
    digits, power, unit = match.groups()
    # Whole numbers stay whole: a float has only 53 bits.
    amount = (int(digits) if digits.isdigit() and not power else float(digits + (power or ""))) * units[unit]
    if amount >= _TOO_MUCH:
        raise UserError(f"{text!r} is too large for a {what}")
    return amount


def size(text: str) -> int:
    """Read a size in bytes.

    Examples
    --------
    >>> size("16GiB"), size("2 MB"), size("512")
    (17179869184, 2000000, 512)
    """
    return round(_parse(text, _SIZES, "size", "16GiB, 500MB or a number of bytes"))


def seconds(text: str) -> float:
    """Read a time in seconds.

    Examples
    --------
    >>> seconds("5min"), seconds("1.5d"), seconds("0.2")
    (300.0, 129600.0, 0.2)
    """
    return float(_parse(text, _TIMES, "time", "90s, 5min, 2h, 1d or a number of seconds"))


def thousandths(amounts: FloatArray) -> FloatArray:
    """Round cores to millicores and GPUs to milli-GPUs, but never something to nothing.

    Examples
    --------
    >>> thousandths(np.array([0.0, 0.0001, 1.5])).tolist()
    [0.0, 1.0, 1500.0]
    """
    whole = np.rint(amounts * MILLI)
    return np.where((amounts > 0) & (whole == 0), 1.0, whole)
