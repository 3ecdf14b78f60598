"""Which figures there are of a set of runs; each can be asked for by name, and all of them drawn into files."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from experiments.drawing import distributions, hosts, over_time, runs, shapes, style
from experiments.results.frames import ALLOCATED, USED, Frames
from policies.errors import UserError


class Draw(Protocol):
    """Draws a figure of the tables of a results directory, so many inches wide."""

    def __call__(self, frames: Frames, width: float = ...) -> style.Figure: ...


#: Says why something cannot be drawn of a set of runs; nothing if it can.
Lacks = Callable[[Frames], str]


def _log(frames: Frames) -> str:
    return "" if frames.has_log() else "no log: --detail jobs or tasks"


def _of_log(*further: Lacks) -> Lacks:
    """Give what is lacking where first a log is needed."""

    def lacks(frames: Frames) -> str:
        return next((why for lack in (_log, *further) if (why := lack(frames))), "")

    return lacks


def _nothing(frames: Frames) -> str:
    return ""


def _use(frames: Frames) -> str:
    return "" if all(frames.looked_at(key) == USED for key in frames.firsts) else "use is not measured: --contention on"


def _waits(frames: Frames) -> str:
    return "" if frames.summary["wait_mean_s"].notna().any() else "no job was looked at"


def _ends(frames: Frames) -> str:
    return "" if (frames.summary["tasks_finished"] > 0).any() else "no container came to its end"


def _slowdowns(frames: Frames) -> str:
    if _use(frames):
        return "containers do not slow each other down: --contention on"
    known = frames.summary["slowdown_mean"].notna().any()
    return "" if known else "no container came to its end of which it is known how long it takes alone"


def _conflicts(frames: Frames) -> str:
    counted = [name for name in frames.summary.columns if name.startswith("conflicted_transactions.")]
    return "" if (frames.summary[counted] > 0).any(axis=None) else "no transaction had a conflict"


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
        What is on its axes, in which units, and where intervals come from: for whoever reads it under the figure or
        instead of it.
    draw : callable
        Draws it, of the tables of a results directory alone, as wide as is wanted.
    lacks : callable
        Says what these runs do not have of what it shows; nothing if it can be drawn.
    """

    stem: str
    title: str
    caption: str
    draw: Draw
    lacks: Lacks = _log

    def drawable(self, frames: Frames) -> bool:
        """Say whether these runs have what it shows."""
        return not self.lacks(frames)


_BARS = "A row for each architecture and policy; bars are means over seeds, whiskers their 95 % t-intervals"
_LINES = (
    "A line for each architecture and policy: the mean over seeds, with its 95 % t-interval as a band (of a single "
    "seed there is none, and of logs with more than five million rows in all only the lowest seed is drawn)"
)
_LOAD = "allocated (used, where hosts are shared)"
_CELL = f"Time across, share of the cell's capacity upwards, a row of panels for each resource. {_LINES}."

PICTURES = (
    Picture(
        "wait_and_busyness",
        "Wait and busyness",
        "Left: how long jobs of each class wait for the first attempt at them, in seconds (logarithmic above 0.01 s "
        "where a mean is above 1 s). Right: the share of the time in which schedulers of each group think. "
        f"{_BARS}.",
        runs.wait_and_busyness,
        _nothing,
    ),
    Picture(
        "conflicts",
        "Conflicts",
        "The conflict fraction, by group of schedulers: transactions with at least one conflict per transaction "
        f"without. {_BARS}.",
        runs.conflicts,
        _nothing,
    ),
    Picture(
        "imbalance_measures",
        "Three measures of imbalance",
        "How unevenly the CPU of hosts is loaded, in the mean over time: coefficient of variation, standard deviation, "
        f"and maximum − minimum over hosts of the share {_LOAD}. {_BARS}.",
        runs.imbalance,
        _nothing,
    ),
    Picture(
        "allocation",
        "Allocation over time",
        f"What is allocated. {_CELL}",
        partial(over_time.of_cell, of=ALLOCATED),
    ),
    Picture(
        "use",
        "Use over time",
        f"What is used. {_CELL}",
        partial(over_time.of_cell, of=USED),
        _of_log(_use),
    ),
    Picture(
        "utilisation_bands",
        "Most hosts",
        f"Time across, upwards the share of a host's CPU that is {_LOAD}: the band holds the hosts from the 5th to the "
        "95th percentile, the line is the median host and the broken line the mean of hosts. A panel for each "
        "architecture and policy, of its lowest seed.",
        hosts.bands,
    ),
    Picture(
        "load_heatmap",
        "Host by host",
        "Time across, a line for each host (in large cells for several neighbours), from the most to the least loaded; "
        f"the colour is the share of its CPU that is {_LOAD}, white where it is not there. A panel for each "
        "architecture and policy, of its lowest seed.",
        hosts.heat_map,
    ),
    Picture(
        "imbalance",
        "Imbalance over time",
        f"Time across, upwards the coefficient of variation over hosts of the share of CPU that is {_LOAD}; the "
        f"emptiest moments are cut off. {_LINES}.",
        over_time.imbalance,
    ),
    Picture(
        "busyness",
        "Busyness over time",
        f"Time across, upwards the share of each fortieth of it in which the schedulers of a group think. {_LINES}.",
        over_time.busyness,
    ),
    Picture(
        "conflicts_over_time",
        "Conflicts over time",
        "Time across, upwards how many transactions a minute have a conflict, by group of schedulers that has any. "
        f"{_LINES}.",
        over_time.conflicts,
        _of_log(_conflicts),
    ),
    Picture(
        "wait_distribution",
        "Distribution of waits",
        "Seconds across (logarithmic; no wait at all stands at 0.001 s), upwards the share of jobs of a class that "
        "waited no longer for the first attempt; jobs that nobody looked at count with what they waited until the end. "
        f"{_LINES}.",
        distributions.waits,
        _of_log(_waits),
    ),
    Picture(
        "turnaround",
        "Distribution of turnarounds",
        "Seconds across (logarithmic), upwards the share of jobs of a class whose last container had ended so long "
        "after their submission; a job that had not ended when the run did never ends, so that a line may stay below "
        f"1. {_LINES}.",
        distributions.turnarounds,
        _of_log(_ends),
    ),
    Picture(
        "slowdown",
        "Slowdown",
        "Across (logarithmic) run time with neighbours per run time alone, upwards the share of containers that were "
        f"slowed no more. {_LINES}.",
        distributions.slowdowns,
        _of_log(_slowdowns),
    ),
    Picture(
        "slowdown_by_shape",
        "Slowdown by demand shape",
        "The mean over containers of run time with neighbours per run time alone, by what their jobs mostly demand: "
        f"CPU, I/O (disk or network), or both. {_BARS}.",
        shapes.slowdowns,
        _of_log(_slowdowns, shapes.lacks),
    ),
)


def pictures(frames: Frames) -> list[Picture]:
    """Give the figures that can be drawn of these runs."""
    return [picture for picture in PICTURES if picture.drawable(frames)]


def left_out(frames: Frames, only: Collection[str] = ()) -> str:
    """Say in a line which figures cannot be drawn of these runs, and why; nothing if all can."""
    reasons: dict[str, list[str]] = {}
    for picture in chosen(only):
        why = picture.lacks(frames)
        if why:
            reasons.setdefault(why, []).append(picture.stem)
    return "; ".join(f"{', '.join(stems)} ({why})" for why, stems in reasons.items())


def chosen(only: Collection[str] = ()) -> list[Picture]:
    """Give the figures of these names, or all if there are none.

    Raises
    ------
    UserError
        If there is no figure of a name.
    """
    stems = {picture.stem: picture for picture in PICTURES}
    for name in only:
        if name not in stems:
            raise UserError(f"there is no figure {name!r}; there are {', '.join(stems)}")
    return [picture for picture in PICTURES if not only or picture.stem in only]


def draw_all(
    folder: Path, only: Collection[str] = (), formats: Collection[str] = style.USUAL, width: float = style.DOUBLE
) -> list[Path]:
    """Draw every figure of a results directory that can be drawn into its ``figures`` folder.

    Parameters
    ----------
    folder : Path
        The results directory.
    only : collection of str
        The stems of those that are wanted; none: all.
    formats : collection of str
        Kinds of file, of `style.FORMATS`.
    width : float
        In inches.

    Returns
    -------
    list of Path
        One file of each figure; there is one of every format beside it.

    Raises
    ------
    UserError
        If the folder holds no finished run, or there is no such figure.
    """
    frames = Frames(folder)
    drawn = [picture for picture in chosen(only) if picture.drawable(frames)]
    return [
        style.save(picture.draw(frames, width=width), frames.results.figures / picture.stem, formats)[0]
        for picture in drawn
    ]
