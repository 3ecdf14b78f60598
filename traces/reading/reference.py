"""The machine that a trace's normalised amounts are shares of, where its publisher keeps real ones secret."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from policies.errors import UserError
from traces import units


class Reference(NamedTuple):
    """A machine on which 1.0 of CPU and 1.0 of memory are this much.

    Attributes
    ----------
    name : str
        What it is called in notes.
    cores : float
        Of 1.0 of CPU.
    memory_bytes : int
        Of 1.0 of memory.
    """

    name: str
    cores: float
    memory_bytes: int

    def note(self) -> str:
        """Say in one line what is assumed."""
        return (
            f"1.0 of CPU is {self.cores:g} cores and 1.0 of memory {self.memory_bytes:.6g} bytes, as on the reference "
            f"machine {self.name}"
        )


#: So large that a millionth of its CPU is a millicore: nothing is lost when shares become whole numbers.
UNIT = Reference("unit (a unit, not a claim about the real machine)", 1000.0, 10**12)

#: The machines by the names that the command line has for them.
NAMED = {"unit": UNIT}


def reference_named(text: str) -> Reference:
    """Read ``NAME`` or ``CORES:MEMORY``, for instance ``64:256GiB``.

    Raises
    ------
    UserError
        If it is neither.

    Examples
    --------
    >>> reference_named("64:256GiB")
    Reference(name='64:256GiB', cores=64.0, memory_bytes=274877906944)
    """
    if text in NAMED:
        return NAMED[text]
    cores, colon, memory = text.partition(":")
    try:
        amount = float(cores) if colon else 0.0
    except ValueError:
        amount = 0.0
    if not 0 < amount < inf:
        raise UserError(
            f"{text!r} is no reference machine, for instance 64:256GiB (cores:memory) or {', '.join(NAMED)}"
        )
    memory_bytes = units.size(memory)
    if not memory_bytes:
        raise UserError(f"{text!r}: a reference machine has memory")
    return Reference(text, amount, memory_bytes)
