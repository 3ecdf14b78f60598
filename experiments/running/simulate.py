"""One run, from a study to its metrics."""

from __future__ import annotations

import math
import re
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.measures.metrics import Metrics
from experiments.measures.statistics import Metric
from experiments.results.result import Result
from experiments.results.study import RunKey, Study
from experiments.running import choices
from experiments.running.at_sea import is_at_sea
from experiments.running.garbage import calm_garbage_collector
from experiments.running.water import Water, water_of
from policies.cell import Commit, Conflict
from policies.errors import UserError
from policies.log import Levels, Log, Sink
from policies.placement import Placer
from policies.placement.choosers import RandomFirstFit
from policies.scheduling import Settings
from policies.scheduling.scheduler import DecisionTime
from policies.streams import stream
from traces.changed.faster import Faster
from traces.formats import open_trace
from traces.profiles import Profiler
from traces.reading.options import ReadOptions
from traces.reading.reference import reference_named
from traces.reading.rejects import OnBadRow, Rejects
from traces.replay import SAMPLES, Replay
from traces.trace import Arrival, Trace
from traces.units import MILLI

if TYPE_CHECKING:
    from experiments.running.explained import Explanation

Progress = Callable[[float], None]


class Meter:
    """Measures what a run costs, from when it is made."""

    def __init__(self) -> None:
        self._began_s, self._began_cpu_s = time.perf_counter(), time.process_time()

    def cost(self) -> dict[str, float | int]:
        """Give the cost so far, as in `Result`."""
        return {
            "wall_s": time.perf_counter() - self._began_s,
            "cpu_s": time.process_time() - self._began_cpu_s,
            # High-water mark of the process, which may have made other runs before.
            "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            * (1 if sys.platform == "darwin" else 1024),
        }


def trace_of(study: Study, seed: int, reject_file: Path | None = None) -> Trace:
    """Open the study's trace, at the study's speed."""
    rejects = Rejects(OnBadRow(study.on_bad_row), reject_file)
    # What containers use matters to their neighbours only.
    reference = None if study.reference_machine is None else reference_named(study.reference_machine)
    options = ReadOptions(study.contention or is_at_sea(study), reference)
    return _at_speed(study, open_trace(study.trace, rejects, seed, options))


def _at_speed(study: Study, trace: Trace) -> Trace:
    return trace if study.speed == 1 else Faster(trace, study.speed)


def inputs_of(study: Study) -> dict[str, list[Path]]:
    """List the files that decide what comes of a study, by what they are."""
    inputs = {"trace": trace_of(study, study.seeds[0]).files()}
    if study.prefill is not None:
        inputs["prefill"] = open_trace(study.prefill, Rejects()).files()
    if study.hosts not in (None, "trace") and not study.hosts.isdigit():
        inputs["hosts"] = [Path(study.hosts)]
    # A policy file may be named by itself, or as a parameter of another policy.
    policies = [Path(file) for name in study.policies for file in re.findall(r"[^:=,]+\.py(?=:)", name)]
    if policies:
        inputs["policies"] = policies
    return inputs


def settings_of(study: Study) -> Settings:
    """Give what the study says about schedulers."""
    return Settings(
        schedulers=study.schedulers or {},
        decision_time=DecisionTime(study.t_job_s, study.t_task_s),
        conflict=Conflict(study.conflict),
        commit=Commit(study.commit),
        queue=choices.queue(study.queue),
        quotas={user: round(cores * MILLI) for user, cores in (study.quotas or {}).items()},
        sizing=choices.sizing(study.mapreduce),
    )


def simulate(
    study: Study,
    key: RunKey,
    sinks: Callable[[Levels], Iterable[Sink]] = lambda levels: (),
    reject_file: Path | None = None,
    progress: Progress = lambda share: None,
) -> Result:
    """Run one architecture with one policy and one seed.

    Parameters
    ----------
    study : Study
        What was asked for.
    key : RunKey
        Which of its runs.
    sinks : callable
        Given what the levels of the log are, gives what takes its rows beside the metrics.
    reject_file : Path, optional
        Where rows of the trace that are put aside are written.
    progress : callable
        Told now and then which share of the run is done, 0 to 1.

    Raises
    ------
    UserError
        For anything that the user can mend.
    """
    meter = Meter()
    calm_garbage_collector()
    trace = trace_of(study, key.seed, reject_file)
    with water_of(study, key, trace) as water:
        metrics, explanation, end_s = _replayed(study, key, trace, water, sinks, progress)
    if study.warm_up_s and end_s <= study.warm_up_s:
        raise UserError(f"{study.trace}: the run was over after {end_s:g} s, within --warm-up {study.warm_up_s:g} s")
    result = metrics.result(end_s)
    result |= {"rows_read": trace.rejects.read, "rows_rejected": trace.rejects.rejected}
    _refuse_empty(study, result)
    progress(1.0)
    explained = () if explanation is None else explanation.as_plain()
    return Result(key, result, meter.cost(), tuple(water.notes + trace.assumptions()), explained=explained)


def _replayed(
    study: Study,
    key: RunKey,
    trace: Trace,
    water: Water,
    sinks: Callable[[Levels], Iterable[Sink]],
    progress: Progress,
) -> tuple[Metrics, Explanation | None, float]:
    """Run a trace in its water; give what was made of the log, and when it ended."""
    end_s = trace.end_s()
    until_s = study.until_s
    if until_s is None and end_s is not None:
        # A run stops short of its end; what a recording tells last still belongs to it.
        until_s = math.nextafter(end_s, math.inf)
    chosen = choices.policy(key.policy)
    settings = settings_of(study)
    explanation, kind = None, Placer
    if study.explain:
        from experiments.running.explained import Explanation
        from policies.placement.explain import TellingPlacer

        explanation, kind = Explanation(study.explain, settings.commit, water.hosts.names), TellingPlacer
        settings = replace(settings, make_scheduler=explanation.explainer.scheduler)

    def placer(scheduler: str) -> Placer:
        return kind(choices.make_policy(chosen, stream(key.seed, "placement", scheduler)))

    metrics = Metrics(water.levels, study.warm_up_s)
    heard = [metrics] if explanation is None else [metrics, explanation]
    world = water.world(
        choices.architecture(key.architecture),
        settings,
        placer,
        Log([*heard, *sinks(water.levels)]),
        water.options(
            until_s=until_s,
            sample_s=until_s / SAMPLES if until_s else 1.0,
            # A recording that says when it ends also says what was submitted again.
            restart_lost=end_s is None,
        ),
    )
    profiler = Profiler(stream(key.seed, "profiles"), study.estimate_error) if water.shared else None
    _prefill(study, key, trace, water, world, profiler)

    def tick(now: float) -> None:
        share = now / until_s if until_s else trace.progress()
        progress(share or 0.0)

    unsaid = _unsaid(study)
    arrivals = iter(_profiled(profiler, trace.arrivals()))
    ended_s = world.run(_listen(arrivals, unsaid) if unsaid else arrivals, tick)
    water.notes.extend([*unsaid.values(), *world.notes()])
    return metrics, explanation, ended_s


def _prefill(study: Study, key: RunKey, trace: Trace, water: Water, world: Replay, profiler: Profiler | None) -> None:
    """Let run what is there from the beginning."""
    at_random = Placer(RandomFirstFit(stream(key.seed, "prefill")))
    if study.hosts in (None, "trace") and not is_at_sea(study):
        overfull = world.prefill_recorded(profiler.recorded(trace.prefill()) if profiler else trace.prefill())
    else:
        overfull = 0
        # On other machines than its own, what runs at the beginning has no recorded place.
        recorded = (entry.as_arrival() for entry in trace.prefill())
        world.prefill(_profiled(profiler, recorded), at_random, source=study.trace)
    world.prefill(_profiled(profiler, trace.prefill_anywhere()), at_random, source=study.trace)
    if overfull:
        water.notes.append(
            f"at the beginning {overfull} of {len(water.hosts)} hosts hold more than they have, as recorded: "
            "that cell was overcommitted, and schedulers here do not overcommit"
        )
    if study.prefill is not None:
        prefill = _at_speed(study, open_trace(study.prefill, Rejects(OnBadRow(study.on_bad_row)), key.seed))
        world.prefill(_profiled(profiler, prefill.arrivals()), at_random, source=study.prefill)


def _profiled(profiler: Profiler | None, arrivals: Iterable[Arrival]) -> Iterable[Arrival]:
    return profiler.arrivals(arrivals) if profiler else arrivals


def _unsaid(study: Study) -> dict[str, str]:
    """Give what jobs may say that somebody goes by, and the note to make if none of them does."""
    unsaid = {}
    if study.queue == "fair-share" or study.quotas:
        unsaid["user"] = f"{study.trace}: no job says whose it is, so all are one user's"
    if study.queue == "backfill":
        unsaid["estimate_s"] = f"{study.trace}: no job says how long it is expected to run: backfill knows of no end"
    return unsaid


def _listen(arrivals: Iterator[Arrival], unsaid: dict[str, str]) -> Iterator[Arrival]:
    """Hand jobs on, and strike off what one of them says."""
    for arrival in arrivals:
        for name in list(unsaid):
            if getattr(arrival.job, name) not in ("", None):
                del unsaid[name]
        yield arrival


def _refuse_empty(study: Study, metrics: dict[str, Metric]) -> None:
    if not metrics["tasks_submitted"]:
        when = "after --warm-up" if study.warm_up_s else "in the time looked at"
        raise UserError(f"{study.trace}: not one job was submitted {when}")
    quota = " and into its user's quota" if study.quotas else ""
    if metrics["jobs_submitted"] and metrics["jobs_infeasible"] == metrics["jobs_submitted"]:
        raise UserError(f"{study.trace}: none of its {metrics['jobs_submitted']} jobs fits on any of the hosts{quota}")
