"""A figure of who is slowed down: slowdown by what containers demand."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from itertools import takewhile

import pandas as pd

from experiments.drawing import style
from experiments.drawing.naming import left_out, tell
from experiments.drawing.runs import MOST_ROWS, bars
from experiments.measures.shapes import Shape, shapes_of
from experiments.results.frames import Frames
from experiments.results.provenance import fingerprint
from experiments.results.study import RunKey
from experiments.running.machines import hosts_of
from experiments.running.simulate import inputs_of, trace_of
from policies.errors import UserError

#: The colour of each shape in all figures.
COLOURS = dict(zip(Shape, (*style.COLOURS[:3], style.NEUTRAL), strict=True))

#: The trace is read again for each seed; with more jobs than these altogether that takes minutes.
MOST_JOBS = 1_000_000


def lacks(frames: Frames) -> str:
    """Say why the demand shapes of these runs cannot be told; nothing if they can."""
    jobs = frames.summary.groupby("seed")["jobs_submitted"].max().sum()
    if jobs > MOST_JOBS:
        return f"more than {MOST_JOBS:,} jobs to read again"
    study = frames.study
    try:
        files = inputs_of(study)["trace"]
        hosts_of(study, trace_of(study, study.seeds[0]))
    except UserError as error:
        return f"shapes are told by the trace: {error}"
    # It is another trace now, if somebody wrote to it since.
    recorded = frames.results.manifest().get("inputs", {}).get("trace", {})
    if not isinstance(recorded, dict):
        return "shapes are told by the trace, and an older version wrote nothing down by which it is known"
    changed = [str(file) for file in files if recorded.get(str(file)) != fingerprint(file)]
    return f"shapes are told by the trace, and {', '.join(changed)} is not what it was" if changed else ""


def slowdowns(frames: Frames, width: float = style.DOUBLE) -> style.Figure:
    """Draw the mean slowdown of containers by the demand shape of their jobs."""

    @lru_cache(maxsize=1)  # runs of a seed follow one another
    def shapes(seed: int) -> dict[str, Shape]:
        ended_s = frames.ended_s()
        trace = trace_of(frames.study, seed)
        hosts, _ = hosts_of(frames.study, trace)
        return shapes_of(takewhile(lambda arrival: arrival.job.submit_s <= ended_s, trace.arrivals()), hosts)

    def mean_of(key: RunKey) -> dict[Hashable, float]:
        frame = frames.log(key, ["event", "scheduler", "job", "tasks", "seconds", "alone_s"])
        ended = frame[(frame["event"] == "finished") & (frame["scheduler"] != "") & (frame["alone_s"] > 0)]
        slowed = ended["seconds"] / ended["alone_s"] * ended["tasks"]
        by_shape = ended["job"].map(shapes(key.seed))
        return (slowed.groupby(by_shape).sum() / ended["tasks"].groupby(by_shape).sum()).to_dict()

    found = {key: mean_of(key) for key in sorted(frames.runs, key=lambda key: key.seed)}
    table = pd.DataFrame([{**key._asdict(), **found[key]} for key in frames.runs])
    columns = {str(shape): str(shape) for shape in Shape if shape in table}
    combinations = len(frames.combinations)
    height = style.row_height(min(combinations, MOST_ROWS), each=0.14 * max(2, len(columns)))
    figure, ((axes,),) = style.grid([1], width, height=height)
    tell(figure, left_out(max(combinations - MOST_ROWS, 0)))
    colours = {str(shape): colour for shape, colour in COLOURS.items()}
    bars(axes, "Mean slowdown by demand shape", table, columns, colours)
    axes.axvline(1, color=style.NEUTRAL, lw=0.8)
    axes.set(xlabel="run time with neighbours / alone")
    axes.set_xlim(left=0)
    return figure
