"""What runs are called in a figure, how they are dealt out to panels, and what is said of those left out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.drawing.style import LETTER, SMALL, Figure
from experiments.results.study import RunKey

#: So few lines share a panel, whatever they are of; more are in small multiples.
MOST_TOGETHER = 4
#: Small multiples, and lines of one of them, beyond these numbers are left out and said to be.
MOST_PANELS, MOST_LINES = 9, 14


def short(policy: object) -> str:
    """Give a policy's name without the folder of its file."""
    return Path(str(policy)).name if ".py" in str(policy) else str(policy)


def run_name(key: RunKey) -> str:
    """Name an architecture and a policy in one line."""
    return f"{key.architecture}, {short(key.policy)}"


def run_names(keys: Sequence[RunKey]) -> list[str]:
    """Name runs by what they differ in: architecture, policy, or both."""
    if len({key.architecture for key in keys}) == 1:
        return [short(key.policy) for key in keys]
    if len({key.policy for key in keys}) == 1:
        return [key.architecture for key in keys]
    return [run_name(key) for key in keys]


@dataclass(frozen=True, slots=True)
class Line:
    """What one line is of.

    Attributes
    ----------
    keys : list of RunKey
        The runs, one for each seed.
    label : str
        What it is called.
    number : int
        Which of the looks it has.
    """

    keys: list[RunKey]
    label: str
    number: int


@dataclass(frozen=True, slots=True)
class Facets:
    """How lines are dealt out to panels.

    Attributes
    ----------
    panels : list of (str, list of Line)
        What each panel is of (empty where there is one), and its lines.
    left_out : int
        Architectures and policies for which there is no room.
    """

    panels: list[tuple[str, list[Line]]]
    left_out: int


def facets(runs: Sequence[list[RunKey]]) -> Facets:
    """Deal out runs to panels: a few together in one, else a panel for each architecture and a line for each policy.

    Parameters
    ----------
    runs : sequence of list of RunKey
        Those of each architecture and policy.
    """
    firsts = [keys[0] for keys in runs]
    architectures = list(dict.fromkeys(key.architecture for key in firsts))
    policies = list(dict.fromkeys(key.policy for key in firsts))
    if len(firsts) <= MOST_TOGETHER or len(architectures) == 1 or len(policies) == 1:
        names = run_names(firsts)
        lines = [Line(keys, name, number) for number, (keys, name) in enumerate(zip(runs, names, strict=True))]
        return Facets([("", lines[:MOST_LINES])], max(len(lines) - MOST_LINES, 0))
    panels = [
        (
            architecture,
            [
                Line(keys, short(policy), number)
                for number, policy in enumerate(policies[:MOST_LINES])
                for keys in runs
                if keys[0].architecture == architecture and keys[0].policy == policy
            ],
        )
        for architecture in architectures[:MOST_PANELS]
    ]
    return Facets(panels, len(firsts) - sum(len(lines) for _, lines in panels))


def tell(figure: Figure, *notes: str) -> None:
    """Say above a figure what it leaves out; an empty note says nothing."""
    said = "; ".join(note for note in notes if note)
    if said:
        lines = textwrap.wrap(said, int(figure.get_figwidth() * 72 / (SMALL * LETTER)))
        figure.suptitle("\n".join(lines), fontsize=SMALL, x=0.01, ha="left")


def left_out(number: int) -> str:
    """Say that so many architectures and policies are not shown."""
    return f"{number} more of the architectures and policies are not shown" if number else ""
