"""What a reader is told beside where the data are."""

from __future__ import annotations

from dataclasses import dataclass

from traces.reading.reference import Reference


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a reader is told; each takes what concerns it.

    Attributes
    ----------
    usage : bool
        Whether what containers used is read also where it is a large table of its own; elsewhere it always is.
    reference : Reference, optional
        The machine that normalised amounts are shares of; None for the one that the reader assumes.
    """

    usage: bool = False
    reference: Reference | None = None


DEFAULT = ReadOptions()
