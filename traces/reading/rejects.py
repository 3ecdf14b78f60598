"""Rows that cannot be used: stop at the first, or put them aside and count them. Nothing vanishes."""

from __future__ import annotations

import csv
import weakref
from collections import Counter
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from policies.errors import UserError

#: File, line, reason and text of a row.
Row = tuple[Path, int, str, str]


class OnBadRow(Enum):
    """What to do with a row that cannot be used."""

    STOP = "stop"
    SKIP = "skip"


def complaint(file: Path, row: int, reason: str, text: str = "") -> str:
    """Say in one line what is wrong with a row.

    Examples
    --------
    >>> complaint(Path("jobs.csv"), 7, "tasks must be a whole number from 1", "0.5")
    "jobs.csv:7: tasks must be a whole number from 1: '0.5'"
    """
    shown = text if len(text) <= 100 else f"{text[:97]}..."
    return f"{file}:{row}: {reason}" + (f": {shown!r}" if shown else "")


class Rejects:
    """Keeps count of rows: those that were read are those that were accepted and those that were rejected.

    Parameters
    ----------
    on_bad_row : OnBadRow
        Whether a bad row ends the reading.
    file : Path, optional
        Where rejected rows are written as CSV (file, row, reason, text); made at the first of them.

    Attributes
    ----------
    read, accepted : int
        Counted where rows are read and where they are found to be right, independently of each other and of those that
        are rejected, so that a row that got lost on the way would show.
    """

    def __init__(self, on_bad_row: OnBadRow = OnBadRow.STOP, file: Path | None = None) -> None:
        self.on_bad_row = on_bad_row
        self.file = file
        self.read = 0
        self.accepted = 0
        self.reasons: Counter[str] = Counter()
        self._write: Callable[[Row], object] | None = None  # once there is such a file
        self._close: Callable[[], object] = lambda: None

    @property
    def rejected(self) -> int:
        """How many rows were rejected."""
        return self.reasons.total()

    def begin(self) -> None:
        """Forget all counts: the trace is read anew."""
        self.read = self.accepted = 0
        self.reasons.clear()
        self._close()
        self._write = None

    def reject(self, file: Path, row: int, reason: str, text: str = "") -> None:
        """Take a row that cannot be used.

        Parameters
        ----------
        file : Path
            Where it stands.
        row : int
            Its line, counted from 1.
        reason : str
            Why it cannot be used, short, the same words for the same reason.
        text : str
            The row itself, or the part that is wrong.

        Raises
        ------
        UserError
            If rows are not to be skipped.
        """
        if self.on_bad_row is OnBadRow.STOP:
            raise UserError(f"{complaint(file, row, reason, text)} (--on-bad-row skip puts such rows aside)")
        self.reasons[reason] += 1
        if self.file is not None:
            if self._write is None:
                self._write = self._begin_file(self.file)
            self._write((file, row, reason, text))

    def _begin_file(self, path: Path) -> Callable[[Row], object]:
        """Open the file of rejected rows anew; each row is in it as soon as it is written."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            out = path.open("w", newline="", encoding="utf-8", errors="backslashreplace", buffering=1)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror or error}") from None
        self._close = weakref.finalize(self, out.close)
        write = csv.writer(out).writerow
        write(("file", "row", "reason", "text"))
        return write
