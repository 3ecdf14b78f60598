"""Which figures there are of a set of runs; each can be asked for by name, and all of them drawn into files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from experiments.drawing import figures, style
from experiments.results.frames import USED, Frames


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure that can be drawn of a set of runs.

    Attributes
    ----------
    stem : str
        The name of its files.
    title : str
        A heading.
    caption : str
        What is to be seen, in a sentence or two, for whoever reads it under the figure or instead of it.
    draw : callable
        Draws it, of the tables of a results directory alone.
    drawable : callable
        Whether these runs have what it shows.
    """

    stem: str
    title: str
    caption: str
    draw: Callable[[Frames], style.Figure]
    drawable: Callable[[Frames], bool] = Frames.has_log


def _shared(frames: Frames) -> bool:
    return frames.has_log() and all(frames.looked_at(key) == USED for key in frames.firsts)


PICTURES = (
    Picture(
        "wait_and_busyness",
        "Wait and busyness",
        "How long jobs of each class wait for the first attempt at them, and which share of the time schedulers think; "
        "means over seeds and their range.",
        figures.wait_and_busyness,
        lambda frames: True,
    ),
    Picture(
        "conflicts",
        "Conflicts",
        "Transactions with a conflict per transaction without, by group of schedulers; mean over seeds and range.",
        figures.conflicts,
        lambda frames: True,
    ),
    Picture(
        "allocation",
        "Allocation over time",
        "The share of each resource of the cell that is allocated, of one seed.",
        lambda frames: figures.over_time(frames, "allocated"),
    ),
    Picture(
        "wait_distribution",
        "Distribution of waits",
        "The share of jobs of each class that waited no longer than so many seconds, of one seed.",
        figures.wait_distribution,
    ),
    Picture(
        "imbalance",
        "Imbalance",
        "How unevenly the CPU of hosts is loaded: over time, of one seed, and the mean of three measures.",
        figures.imbalance,
    ),
    Picture(
        "load_heatmap",
        "Host by host",
        "The share of each host's CPU that is allocated, or used, over time; hosts from the most to the least loaded.",
        figures.load_heatmap,
    ),
    Picture(
        "use",
        "Use over time",
        "The share of each resource of the cell that is used, of one seed.",
        lambda frames: figures.over_time(frames, "used"),
        _shared,
    ),
    Picture(
        "slowdown",
        "Slowdown",
        "The share of containers that ran no more than so many times as long as they would have alone, of one seed.",
        figures.slowdown,
        _shared,
    ),
)


def pictures(frames: Frames) -> list[Picture]:
    """Give the figures that can be drawn of these runs."""
    return [picture for picture in PICTURES if picture.drawable(frames)]


def draw_all(folder: Path) -> list[Path]:
    """Draw every figure of a results directory into its ``figures`` folder.

    Returns
    -------
    list of Path
        The bitmaps; each has an SVG beside it.

    Raises
    ------
    UserError
        If the folder holds no finished run.
    """
    frames = Frames(folder)
    drawn = pictures(frames)
    return [style.save(picture.draw(frames), frames.results.figures / picture.stem)[0] for picture in drawn]
