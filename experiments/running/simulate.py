"""One run in the tank, from a study to its metrics."""

from __future__ import annotations

import gc
import math
import re
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiments.measures.metrics import Metrics
from experiments.measures.statistics import Metric
from experiments.running import choices
from experiments.running.study import RunKey, Study
from policies.cell import Commit, Conflict
from policies.errors import UserError
from policies.log import Levels, Log, Sink
from policies.placement import Placer
from policies.placement.choosers import RandomFirstFit
from policies.scheduling import Settings
from policies.scheduling.scheduler import DecisionTime
from policies.sharing import disk_named
from policies.streams import stream
from sim import Tank, TankOptions
from sim.contention import Interplay, levels_of
from traces.faster import Faster
from traces.formats import open_trace
from traces.hosts import Hosts, read_hosts, uniform
from traces.profiles import Profiler
from traces.rejects import OnBadRow, Rejects
from traces.replay import SAMPLES
from traces.trace import Arrival, Trace
from traces.units import MILLI

Progress = Callable[[float], None]

#: Hosts that a cell may have: more would not fit into the memory of most machines.
MOST_HOSTS = 10**8

#: Thresholds of the garbage collector.
RARELY = (50_000, 20, 50)


@dataclass(frozen=True)
class Result:
    """What one run came to.

    Attributes
    ----------
    key : RunKey
        Which run.
    metrics : dict
        By name, as in the README's table.
    cost : dict
        What it took: ``wall_s``, ``cpu_s``, ``peak_rss_bytes``.
    notes : tuple of str
        What was assumed about the workload.
    folded : list of dict
        What else an experiment made of the log.
    explained : list of dict
        How each job that was asked about was placed; see `experiments.running.explained`.
    """

    key: RunKey
    metrics: dict[str, Metric]
    cost: dict[str, float | int]
    notes: tuple[str, ...] = ()
    folded: Sequence[dict[str, Any]] = ()
    explained: Sequence[dict[str, Any]] = ()


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
    return _at_speed(study, open_trace(study.trace, rejects, seed, usage=study.contention))


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


def hosts_of(study: Study, trace: Trace) -> tuple[Hosts, list[str]]:
    """Give the machines of a study, and notes about them.

    Raises
    ------
    UserError
        If the trace is to give them and has none.
    """
    hosts, notes = _machines(study, trace)
    return _with_rates(study, hosts).with_starts(study.start_s, study.start_cpu_s), notes


def _machines(study: Study, trace: Trace) -> tuple[Hosts, list[str]]:
    """Give the machines of a study as whoever knows them tells of them."""
    wanted = study.hosts
    own = trace.hosts() if wanted in (None, "trace") else None
    if own is not None:
        return own, []
    if wanted is None:
        raise UserError(f"{study.trace} says nothing about machines: give --hosts N or --hosts FILE")
    if wanted == "trace":
        raise UserError(f"--hosts trace: {study.trace} says nothing about machines")
    if wanted.isdigit():
        if not 1 <= int(wanted) <= MOST_HOSTS:
            raise UserError(f"--hosts must be from 1 to {MOST_HOSTS:,}")
        return uniform(int(wanted), study.host_cpus, study.host_memory_bytes), []
    path = Path(wanted)
    if path.suffix == ".toml":
        from traces import inventory

        return inventory.hosts_of(inventory.read_inventory(path), wanted), []
    return read_hosts(path)


def _with_rates(study: Study, hosts: Hosts) -> Hosts:
    """Give the disks and networks of hosts their place in the books, if they matter."""
    if not study.contention:
        return hosts.without_rates()
    return hosts.with_rates(disk_named(study.host_disk), study.host_net_bps)


def interplay_of(study: Study, hosts: Hosts) -> Interplay | None:
    """Give what is known of containers of one host; None where they do not disturb each other.

    How long requests wait for the CPU is what the study says, else the mean over the hosts of which it was measured.
    """
    if not study.contention:
        return None
    wake_up_s = study.wake_up_s
    if wake_up_s is None:
        measured = [profile.wake_up_s for profile in hosts.profiles if profile.wake_up_s]
        wake_up_s = sum(measured) / len(measured) if measured else 0.0
    return Interplay(choices.isolation(study.isolation), study.interference, wake_up_s, study.measure_s)


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
    _calm_garbage_collector()
    trace = trace_of(study, key.seed, reject_file)
    hosts, notes = hosts_of(study, trace)
    if not len(hosts):
        raise UserError("there are no hosts")
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

        explanation, kind = Explanation(study.explain, settings.commit, hosts.names), TellingPlacer
        settings = replace(settings, make_scheduler=explanation.explainer.scheduler)

    def placer(scheduler: str) -> Placer:
        return kind(choices.make_policy(chosen, stream(key.seed, "placement", scheduler)))

    interplay = interplay_of(study, hosts)
    levels = levels_of(hosts.resources(), shared=interplay is not None)
    metrics = Metrics(levels)
    heard = [metrics] if explanation is None else [metrics, explanation]
    tank = Tank(
        hosts,
        choices.architecture(key.architecture),
        settings,
        placer,
        Log([*heard, *sinks(levels)]),
        TankOptions(
            until_s=until_s,
            sample_s=until_s / SAMPLES if until_s else 1.0,
            # A recording that says when it ends also says what was submitted again.
            restart_lost=end_s is None,
            interplay=interplay,
        ),
    )
    profiler = None
    if interplay is not None:
        profiler = Profiler(stream(key.seed, "profiles"), study.estimate_error)

    def profiled(arrivals: Iterable[Arrival]) -> Iterable[Arrival]:
        return profiler.arrivals(arrivals) if profiler else arrivals

    at_random = Placer(RandomFirstFit(stream(key.seed, "prefill")))
    if study.hosts in (None, "trace"):
        overfull = tank.prefill_recorded(profiler.recorded(trace.prefill()) if profiler else trace.prefill())
    else:
        overfull = 0
        # On other machines than its own, what runs at the beginning has no recorded place.
        tank.prefill(profiled(entry.as_arrival() for entry in trace.prefill()), at_random, source=study.trace)
    tank.prefill(profiled(trace.prefill_anywhere()), at_random, source=study.trace)
    if overfull:
        notes.append(
            f"at the beginning {overfull} of {len(hosts)} hosts hold more than they have, as recorded: "
            "that cell was overcommitted, and schedulers here do not overcommit"
        )
    if study.prefill is not None:
        prefill = _at_speed(study, open_trace(study.prefill, Rejects(OnBadRow(study.on_bad_row)), key.seed))
        tank.prefill(profiled(prefill.arrivals()), at_random, source=study.prefill)

    def tick(now: float) -> None:
        share = now / until_s if until_s else trace.progress()
        progress(share or 0.0)

    unsaid = _unsaid(study)
    arrivals = iter(profiled(trace.arrivals()))
    horizon_s = tank.run(_listen(arrivals, unsaid) if unsaid else arrivals, tick)
    notes += unsaid.values()
    result = metrics.result(horizon_s)
    result |= {"rows_read": trace.rejects.read, "rows_rejected": trace.rejects.rejected}
    _refuse_empty(study, result)
    progress(1.0)
    explained = () if explanation is None else explanation.as_plain()
    return Result(key, result, meter.cost(), tuple(notes + trace.assumptions()), explained=explained)


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
        raise UserError(f"{study.trace}: not one job was submitted in the time looked at")
    quota = " and into its user's quota" if study.quotas else ""
    if metrics["jobs_submitted"] and metrics["jobs_infeasible"] == metrics["jobs_submitted"]:
        raise UserError(f"{study.trace}: none of its {metrics['jobs_submitted']} jobs fits on any of the hosts{quota}")


def _calm_garbage_collector() -> None:
    """Look for cycles more rarely: a run makes many objects that live long, and hardly any cycles."""
    if gc.get_threshold() != RARELY:
        gc.set_threshold(*RARELY)
        gc.freeze()  # what was imported stays
