"""What stands on a report, before it is a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from experiments.measures.statistics import Metric


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a column: its text, what it means, and whether numbers stand below it."""

    text: str
    meaning: str = ""
    numbers: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: as it is read, and of a number what it goes by in an order, None where nobody knows."""

    text: str
    value: Metric = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be sorted.

    Attributes
    ----------
    name, caption : str
        What it is called on the page, and what it shows.
    headings : tuple of Heading
        The columns.
    rows : tuple of tuple of Cell
        The first cell of a row names it.
    note : str
        What is said below it.
    too_wide : str
        Where one reads it on paper, if it is too wide for that.
    """

    name: str
    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    too_wide: str = ""

    @property
    def meanings(self) -> list[tuple[str, str]]:
        """What the columns mean that have one."""
        return [(heading.text, heading.meaning) for heading in self.headings if heading.meaning]


@dataclass(frozen=True, slots=True)
class Illustration:
    """A figure as part of a page.

    Attributes
    ----------
    name, title, caption : str
        As those of a `Picture`.
    source : str
        The picture itself, as a data URI.
    width, height : int
        In CSS pixels.
    """

    name: str
    title: str
    caption: str
    source: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Link:
    """A file beside the page: what it is called, where it is seen from the page, and its size for a person."""

    text: str
    address: str
    size: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for: what differs from the usual, and all else, each by name."""

    title: str
    changed: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a page says.

    Attributes
    ----------
    title : str
        What it is about.
    statement : tuple of str
        What was compared on what, in sentences, a paragraph each.
    warnings : tuple of str
        What is not there, though one would expect it.
    findings : tuple of str
        What came of it, a sentence each.
    findings_note : str
        How these are to be read.
    tables : tuple of Table
        The numbers.
    illustrations : tuple of Illustration
        The figures.
    not_drawn : str
        Which figures there are not, and why.
    replay : dict or None
        What the heat map over time is drawn of (`experiments.reporting.replay`).
    no_replay : str
        Why there is none.
    settings : tuple of Settings
        What was asked for.
    notes : tuple of str
        What was assumed.
    versions : tuple of (str, str)
        Which code and which files made it.
    files : tuple of Link
        The raw files.
    commands : tuple of (str, str)
        What a command is for, and the command.
    """

    title: str
    statement: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    findings_note: str = ""
    tables: tuple[Table, ...] = ()
    illustrations: tuple[Illustration, ...] = ()
    not_drawn: str = ""
    replay: dict[str, Any] | None = None
    no_replay: str = ""
    settings: tuple[Settings, ...] = ()
    notes: tuple[str, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    files: tuple[Link, ...] = ()
    commands: tuple[tuple[str, str], ...] = field(default=())


def time_told(seconds: float) -> str:
    """Tell a time in the two largest units that it has.

    Examples
    --------
    >>> time_told(5430.0), time_told(59.96), time_told(0.25), time_told(86400.0)
    ('1 h 30 min', '1 min', '0.25 s', '1 d')
    """
    if seconds < 10:
        return f"{seconds:.3g} s"
    left = round(seconds)
    parts = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])


def series_told(words: list[str]) -> str:
    """Tell several things one after the other.

    Examples
    --------
    >>> series_told(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
