"""Units at the door: what people and traces write becomes the ledger's whole numbers here."""

from __future__ import annotations

import re

from policies.errors import UserError

#: Millicores in a core.
MILLI = 1000
#: Milli-GPUs in a GPU.
GPU_MILLI = 1000

_SIZES = {"": 1, "B": 1}
for _power, _letter in enumerate("KMGTPE", start=1):
    _SIZES[f"{_letter}B"] = _SIZES[_letter] = 1000**_power
    _SIZES[f"{_letter}iB"] = _SIZES[f"{_letter}i"] = 1024**_power

_TIMES = {"": 1.0, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def _parse(text: str, units: dict[str, float] | dict[str, int], what: str, examples: str) -> float:
    match = re.fullmatch(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match[2] not in units or match[1].count(".") > 1 or match[1] == ".":
        raise UserError(f"{text!r} is not a {what}, for instance {examples}")
    return float(match[1]) * units[match[2]]


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
    return _parse(text, _TIMES, "time", "90s, 5min, 2h, 1d or a number of seconds")
