"""A figure of the life of one job: when it was thought about, what conflicted, what ran where."""

from __future__ import annotations

import difflib
import re
import zlib
from itertools import pairwise

import pandas as pd

from experiments.drawing import style
from experiments.drawing.labels import legend
from experiments.drawing.naming import run_name, tell
from experiments.results.frames import Frames
from experiments.results.study import RunKey
from policies.errors import UserError

#: Ends before their time, as the log calls them, and how they are marked.
EARLY = {"killed": "killed", "preempted": "pre-empted", "out_of_memory": "out of memory", "failed": "failed"}

#: Hosts beyond this number, those with the least to do for the job, are left out and said to be.
MOST_HOSTS = 24

BEGUN, LOST, WAITING, THOUGHT = style.COLOURS[0], style.COLOURS[3], style.COLOURS[1], "#bbbbbb"


def stem(job: str) -> str:
    """Name the files of a job's figure: unlike those of other jobs, and as every file system takes it."""
    plain = re.sub(r"[^A-Za-z0-9.=-]+", "-", job)[:80]
    return f"job_{plain}" if plain == job else f"job_{plain}-{zlib.crc32(job.encode()):08x}"


def life(frames: Frames, key: RunKey, job: str, width: float = style.DOUBLE) -> style.Figure:
    """Draw one job in one run: attempts and commits by scheduler, containers over time and, if known, by host.

    Raises
    ------
    UserError
        If the run has no log, or no such job.
    """
    rows = frames.of_job(key, job)
    if rows.empty:
        like = difflib.get_close_matches(job, frames.names_of_jobs(key), 1)
        hint = f"; did you mean {like[0]!r}?" if like else ""
        raise UserError(f"{frames.log_file(key)}: there is no job {job!r}{hint}")
    # Of a job that ran from the beginning nobody says when it was submitted.
    came_s = float(rows["t_s"].iloc[0])
    rows["t_s"] -= came_s
    running, waiting = _counts(rows)
    over = running.iloc[-1] == 0 and waiting.iloc[-1] == 0
    end_s = float(rows["t_s"].iloc[-1]) if over else frames.ended_s(key) - came_s
    end_s = max(end_s, float(_thought_until_s(rows)), 1e-3)
    lives = _by_host(rows, end_s)
    shown = sorted(lives, key=lambda host: -sum(count * (end - begin) for begin, end, count in lives[host]))[
        :MOST_HOSTS
    ]
    shown.sort(key=lambda host: lives[host][0][0])
    thinkers = list(dict.fromkeys(name for name in rows["scheduler"].astype(str) if name))

    heights = [0.35 + 0.16 * max(len(thinkers), 1), 1.2] + ([0.35 + 0.13 * len(shown)] if shown else [])
    figure = style.new(width, 1.1 + sum(heights) + 0.35 * len(heights))
    panels = list(figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    _draw_thinking(panels[0], rows, thinkers)
    _draw_counts(panels[1], rows, running, waiting, end_s)
    if shown:
        _draw_hosts(panels[2], lives, shown, end_s)
        panels[1].sharex(panels[2])
        panels[1].tick_params(labelbottom=False)
        panels[1].set_xlabel("")
    workload = str(rows["workload"].iloc[0])
    missing = len(lives) - len(shown)
    unknown = "" if lives else "on which hosts its containers ran is not in the log (--detail tasks)"
    tell(
        figure,
        f"Job {job}" + f" ({workload})" * bool(workload) + f": {run_name(key)}, seed {key.seed}",
        unknown if (rows["event"] == "started").any() else "nothing of it ran",
        f"{missing} more hosts are not shown" if missing else "",
    )
    legend(figure, panels)
    return figure


def _thought_until_s(rows: pd.DataFrame) -> float:
    thought = rows[rows["event"] == "attempted"]
    return float((thought["t_s"] + thought["seconds"]).max()) if len(thought) else 0.0


def _counts(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Give after each row how many containers run, and how many have no host yet."""
    ended = rows["event"].isin(["finished", *EARLY])
    began = rows["event"].isin(["started", "prefilled"])
    change = rows["tasks"].where(began, 0) - rows["tasks"].where(ended, 0)
    # What was on its way to its host when it ended never ran.
    running = change.cumsum().clip(lower=0)
    told = rows["remaining"].where(rows["remaining"] >= 0)
    gone = rows["event"].isin(["abandoned", "infeasible", "over_quota"])
    return running, told.mask(gone, 0).ffill().fillna(0)


def _by_host(rows: pd.DataFrame, end_s: float) -> dict[int, list[tuple[float, float, int]]]:
    """Give by host from when to when how many containers ran there; nothing if the log does not tell all hosts."""
    moves = rows[rows["event"].isin(["started", "prefilled", "finished", *EARLY])]
    if (moves["host"] < 0).any():
        return {}
    lives: dict[int, list[tuple[float, float, int]]] = {}
    for host in sorted(moves["host"].unique().tolist()):
        own = moves[moves["host"] == host]
        begins = own["event"].isin(["started", "prefilled"])
        count = own["tasks"].where(begins, -own["tasks"]).cumsum().clip(lower=0)
        at = [*own["t_s"].tolist(), end_s]
        spans = [
            (begin, end, int(n)) for (begin, end), n in zip(pairwise(at), count, strict=True) if n > 0 and end > begin
        ]
        if spans:
            lives[host] = spans
    return lives


def _draw_thinking(axes: style.Axes, rows: pd.DataFrame, thinkers: list[str]) -> None:
    """Draw when each scheduler thought about the job, and how that went; on an axis of its own, as it may be short."""
    until_s = max(_thought_until_s(rows), 1e-3)
    unit_s, unit = style.time_unit(until_s)
    place = {name: number for number, name in enumerate(thinkers)}
    attempts = rows[rows["event"] == "attempted"]
    for name, lane in place.items():
        own = attempts[attempts["scheduler"] == name]
        spans = list(zip(own["t_s"] / unit_s, own["seconds"] / unit_s, strict=True))
        axes.broken_barh(spans, (lane - 0.35, 0.7), lw=0.4, facecolor=THOUGHT, edgecolor="white")
    if len(attempts):
        axes.plot([], [], "s", color=THOUGHT, label="thinking")
    else:
        axes.text(0.5, 0.5, "no scheduler thought about it", ha="center", va="center", transform=axes.transAxes)
    for event, label, marker, colour in (
        ("committed", "commit", "o", BEGUN),
        ("conflicted", "conflict", "x", LOST),
        ("abandoned", "given up", "s", "#000000"),
    ):
        own = rows[rows["event"] == event]
        if len(own):
            lanes = [place.get(str(name), 0) for name in own["scheduler"]]
            axes.plot(own["t_s"] / unit_s, lanes, ls="none", ms=3.5, marker=marker, color=colour, label=label)
    axes.set_yticks(range(len(thinkers)), thinkers, fontsize=style.SMALL)
    axes.set_ylim(max(len(thinkers), 1) - 0.5, -0.5)
    axes.set_xlim(-0.02 * until_s / unit_s, 1.05 * until_s / unit_s)
    axes.grid(axis="y", visible=False)
    axes.set(title="How it was scheduled", xlabel=f"time since submission [{unit}]", ylabel="scheduler")


def _draw_counts(axes: style.Axes, rows: pd.DataFrame, running: pd.Series, waiting: pd.Series, end_s: float) -> None:
    unit_s, unit = style.time_unit(end_s)
    at = [*(rows["t_s"] / unit_s).tolist(), end_s / unit_s]
    for count, label, colour, dash in (
        (waiting, "without a host", WAITING, style.DASHES[1]),
        (running, "running", BEGUN, style.DASHES[0]),
    ):
        numbers = [*count.tolist(), count.iloc[-1]]
        axes.plot(at, numbers, drawstyle="steps-post", label=label, color=colour, ls=dash)
    for number, (event, name) in enumerate(EARLY.items()):
        own = rows["event"] == event
        if own.any():
            axes.plot(
                rows.loc[own, "t_s"] / unit_s, running[own], ls="none", marker=style.MARKERS[number + 2], ms=4,
                color=LOST, label=name,
            )  # fmt: skip
    axes.set_xlim(-0.02 * end_s / unit_s, 1.02 * end_s / unit_s)
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]
    axes.set(title="Its containers", xlabel=f"time since submission [{unit}]", ylabel="containers")


def _draw_hosts(
    axes: style.Axes, lives: dict[int, list[tuple[float, float, int]]], shown: list[int], end_s: float
) -> None:
    unit_s, unit = style.time_unit(end_s)
    most = max(count for host in shown for _, _, count in lives[host])
    for lane, host in enumerate(shown):
        for begin, end, count in lives[host]:
            axes.broken_barh(
                [(begin / unit_s, (end - begin) / unit_s)], (lane - 0.4, 0.8), lw=0, facecolor=BEGUN,
                alpha=0.35 + 0.65 * count / most,
            )  # fmt: skip
            if most > 1 and end - begin > 0.03 * end_s:
                axes.text(
                    (begin + end) / 2 / unit_s, lane, str(count), ha="center", va="center", fontsize=style.SMALL - 1,
                    color="white" if count > most / 2 else "black",
                )  # fmt: skip
    axes.set_xlim(-0.02 * end_s / unit_s, 1.02 * end_s / unit_s)
    axes.set_yticks(range(len(shown)), [str(host) for host in shown], fontsize=style.SMALL - 1)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    numbers = " (numbers: containers there)" if most > 1 else ""
    axes.set(title=f"Where they ran{numbers}", xlabel=f"time since submission [{unit}]", ylabel="host")
