"""What a run comes to: every metric is a fold over the rows of the log, batch by batch.

The table in the README says what each metric means, with unit and formula.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from itertools import chain

import numpy as np

from experiments.measures.looks import Looks
from experiments.measures.speedups import Speedups
from experiments.measures.starts import Starts
from experiments.measures.statistics import Metric, quantile
from experiments.measures.warm_up import WarmUp
from experiments.measures.workflows import Workflows
from policies.arrays import FloatArray
from policies.log import Event, Levels, Row

# What most rows are compared with: Python 3.11 takes several times longer to reach a member of an enumeration.
SUBMITTED, ATTEMPTED, COMMITTED, CONFLICTED = Event.SUBMITTED, Event.ATTEMPTED, Event.COMMITTED, Event.CONFLICTED
STARTED, FINISHED, KILLED, PREEMPTED = Event.STARTED, Event.FINISHED, Event.KILLED, Event.PREEMPTED
OUT_OF_MEMORY, FAILED, LAUNCHED = Event.OUT_OF_MEMORY, Event.FAILED, Event.LAUNCHED
ENDED_EARLY = frozenset((KILLED, PREEMPTED, OUT_OF_MEMORY, FAILED))


class _Thinking:
    """One scheduler's time and transactions."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.ends_s = 0.0  # when the latest attempt ends
        self.clean = self.with_conflict = self.conflicted_claims = 0

    def busyness(self, end_s: float, time_s: float) -> float:
        """Give the share of a time it thought in; what goes on after its end does not count."""
        if not time_s:
            return 0.0
        return (self.seconds - max(self.ends_s - end_s, 0.0)) / time_s

    def conflict_fraction(self) -> float | None:
        """Give transactions with a conflict per transaction without; None where there is nothing to divide by."""
        if self.clean:
            return self.with_conflict / self.clean
        return None if self.with_conflict else 0.0


def _range(load: FloatArray) -> FloatArray:
    """Give maximum − minimum over the hosts that have a load, shape (n_resources,); 0 where none has."""
    return np.nan_to_num(np.fmax.reduce(load, axis=1) - np.fmin.reduce(load, axis=1))


class Metrics:
    """Folds the log of one run into its metrics.

    Parameters
    ----------
    levels : Levels
        What the numbers of ``Row.levels`` are.
    warm_up_s : float
        When one begins to count; what `WarmUp` says of what came before, and time before, is in no metric.
    """

    def __init__(self, levels: Levels, warm_up_s: float = 0.0) -> None:
        self._loads, self._others = levels
        self._warm_up_s = warm_up_s
        self._warm_up = WarmUp(warm_up_s) if warm_up_s else None
        self._jobs: Counter[Event] = Counter()  # only jobs that were not counted before
        self._scheduled = 0
        self._tasks: Counter[Event] = Counter()  # only containers that a scheduler placed
        # Exact quantiles need every one of them: eight bytes each.
        self._waits: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
        self._schedulers: defaultdict[str, _Thinking] = defaultdict(_Thinking)
        self._first_s: float | None = None
        self._last_end_s: float | None = None
        self._lost_s = 0.0
        self._at_s = warm_up_s
        self._level = np.zeros(4 * len(self._loads) + len(self._others))
        self._integral = np.zeros_like(self._level)
        self._slowdowns = array("d")
        self._slowed = array("q")  # how many containers each of them is of
        self._ranges: Looks[FloatArray] = Looks()
        self.speedups = Speedups()
        self._starts = Starts()
        self._workflows = Workflows()

    def __call__(self, rows: list[Row]) -> None:
        """Take a batch of rows."""
        levels = np.fromiter(chain.from_iterable([row.levels for row in rows]), dtype=np.float64)
        self._integrate(np.array([row[0] for row in rows]), levels.reshape(len(rows), -1))
        if self._warm_up is not None:
            rows = self._warm_up.counted(rows)
        jobs, tasks, schedulers = self._jobs, self._tasks, self._schedulers
        mapreduce = self.speedups
        mapreduce_jobs = mapreduce.jobs
        launched = self._starts.launched
        for row in rows:
            event = row[1]
            if event is STARTED:
                if mapreduce_jobs and row.job in mapreduce_jobs:
                    mapreduce.started(row)
                if launched:
                    self._starts.started(row)
                continue
            if event is ATTEMPTED:
                scheduler = schedulers[row.scheduler]
                scheduler.seconds += row.seconds
                scheduler.ends_s = row.t_s + row.seconds
                if row.attempt == 1:
                    self._waits[row.workload].append(row.age_s)
            elif event is COMMITTED or event is CONFLICTED:
                scheduler = schedulers[row.scheduler]
                if event is COMMITTED:
                    scheduler.clean += 1
                else:
                    scheduler.with_conflict += 1
                    scheduler.conflicted_claims += row.conflicted
                tasks[STARTED] += row.tasks
                self._scheduled += row.remaining == 0 and not row.again
            elif (
                event is FINISHED or event is KILLED or event is PREEMPTED or event is OUT_OF_MEMORY or event is FAILED
            ):
                if row.scheduler:
                    tasks[event] += row.tasks
                    self._last_end_s = row.t_s
                    if event is not FINISHED:
                        self._lost_s += row.tasks * row.seconds
                        if launched:
                            self._starts.ended_early(row)
                    elif row.alone_s:
                        self._slowdowns.append(row.seconds / row.alone_s)
                        self._slowed.append(row.tasks)
                    if mapreduce_jobs and row.job in mapreduce_jobs:
                        (mapreduce.finished if event is FINISHED else mapreduce.disturbed)(row)
            elif event is LAUNCHED:
                self._starts.launch(row)
            elif event is SUBMITTED or event is Event.INFEASIBLE or event is Event.OVER_QUOTA:
                jobs[event] += not row.again
                tasks[event] += row.tasks
                if row.seconds:
                    mapreduce.submitted(row)
                if self._first_s is None:
                    self._first_s = row.t_s
            elif event is Event.UNATTEMPTED:
                jobs[event] += not row.again
                self._waits[row.workload].append(row.age_s)
            elif event is Event.HELD or event is Event.RELEASED:
                jobs[event] += 1
                if self._first_s is None:
                    self._first_s = row.t_s
            elif event is Event.ABANDONED:
                jobs[event] += not row.again
                mapreduce.disturbed(row)
            elif event is Event.SCHEDULER:
                schedulers[row.scheduler]  # it counts even if it never thinks
            elif event is Event.WORKFLOW_CAME:
                self._workflows.came += 1
            elif event is Event.WORKFLOW_ENDED:
                self._workflows.ended(row)
            elif event is Event.SAMPLED:
                self._ranges.take(row.t_s, row.seconds, _range(row.where))

    def _integrate(self, t_s: FloatArray, levels: FloatArray) -> None:
        """Add to the time integrals of the levels; each row says how things are from then on."""
        if self._warm_up_s:
            t_s = np.maximum(t_s, self._warm_up_s)  # no time passes before
        of_loads, others = np.split(levels, [3 * len(self._loads)], axis=1)
        share, mean, std = of_loads[:, 0::3], of_loads[:, 1::3], of_loads[:, 2::3]
        variation = np.divide(std, mean, out=np.zeros_like(std), where=mean > 0)
        after = np.concatenate((share, mean, std, variation, others), axis=1)
        before = np.concatenate((self._level[None], after[:-1]))
        self._integral += np.diff(t_s, prepend=self._at_s) @ before
        self._at_s, self._level = float(t_s[-1]), after[-1]

    def result(self, end_s: float) -> dict[str, Metric]:
        """Give the metrics of a run that ended at `end_s`; by name, as in the README's table.

        The horizon, ``horizon_s``, is the time from the end of the warm-up to that of the run.

        Raises
        ------
        ValueError
            If the run ended before its warm-up.
        """
        horizon_s = end_s - self._warm_up_s
        if horizon_s < 0:
            raise ValueError(f"the run ended after {end_s:g} s, within its warm-up")
        jobs, tasks = self._jobs, self._tasks
        turned_away = jobs[Event.INFEASIBLE] + jobs[Event.OVER_QUOTA]
        killed = sum(tasks[event] for event in ENDED_EARLY)
        metrics: dict[str, Metric] = {
            "horizon_s": horizon_s,
            "jobs_submitted": jobs[Event.SUBMITTED] + turned_away,
            "jobs_scheduled": self._scheduled,
            "jobs_pending": jobs[Event.SUBMITTED] - self._scheduled - jobs[Event.ABANDONED],
            "jobs_unattempted": jobs[Event.UNATTEMPTED],
            "jobs_abandoned": jobs[Event.ABANDONED],
            "jobs_infeasible": turned_away,
            "jobs_over_quota": jobs[Event.OVER_QUOTA],
            "jobs_held": jobs[Event.HELD] - jobs[Event.RELEASED],
            "tasks_submitted": tasks[Event.SUBMITTED] + tasks[Event.INFEASIBLE] + tasks[Event.OVER_QUOTA],
            "tasks_scheduled": tasks[Event.STARTED],
            "tasks_finished": tasks[Event.FINISHED],
            "tasks_killed": killed,
            "tasks_preempted": tasks[Event.PREEMPTED],
            "tasks_out_of_memory": tasks[OUT_OF_MEMORY],
            "tasks_failed": tasks[FAILED],
            "lost_container_s": self._lost_s,
            "tasks_running": tasks[Event.STARTED] - tasks[Event.FINISHED] - killed,
        }
        metrics |= self._wait_metrics()
        metrics |= self._starts.result()
        metrics |= self._scheduler_metrics(end_s)
        metrics |= self._level_metrics(end_s)
        metrics |= self.speedups.result()
        metrics |= self._slowdown_metrics()
        metrics |= self._workflows.result()
        ended = self._last_end_s is not None and self._first_s is not None
        metrics["makespan_s"] = self._last_end_s - self._first_s if ended else None  # type: ignore[operator]
        return metrics

    def _wait_metrics(self) -> dict[str, Metric]:
        by_workload = {f".{workload}": np.array(waits) for workload, waits in sorted(self._waits.items())}
        waits = {"": np.concatenate([*by_workload.values(), []]), **by_workload}
        metrics: dict[str, Metric] = {}
        for suffix, values in waits.items():
            metrics[f"wait_mean_s{suffix}"] = float(values.mean()) if values.size else None
            metrics[f"wait_p90_s{suffix}"] = quantile(values, 0.9) if values.size else None
        return metrics

    def _scheduler_metrics(self, end_s: float) -> dict[str, Metric]:
        time_s = end_s - self._warm_up_s
        groups: dict[str, list[_Thinking]] = {}
        for name, thinking in sorted(self._schedulers.items()):
            groups.setdefault(name.rpartition("/")[0], []).append(thinking)
        metrics: dict[str, Metric] = {}
        for group, members in groups.items():
            metrics[f"busyness.{group}"] = sum(member.busyness(end_s, time_s) for member in members) / len(members)
        for group, members in groups.items():
            fractions = [member.conflict_fraction() for member in members]
            known = [fraction for fraction in fractions if fraction is not None]
            whole = len(known) == len(fractions)
            metrics[f"conflict_fraction.{group}"] = sum(known) / len(known) if whole else None
            metrics[f"conflicted_transactions.{group}"] = sum(member.with_conflict for member in members)
            metrics[f"conflicted_claims.{group}"] = sum(member.conflicted_claims for member in members)
        return metrics

    def _slowdown_metrics(self) -> dict[str, Metric]:
        names = ["slowdown_mean", *(f"slowdown_p{percent}" for percent in (50, 95, 99))]
        if not self._slowdowns:
            return dict.fromkeys(names)
        slowdowns, counts = np.array(self._slowdowns), np.array(self._slowed)
        order = slowdowns.argsort(kind="stable")
        each = slowdowns[order].repeat(counts[order])
        return dict(zip(names, [float(each.mean()), *(quantile(each, q) for q in (0.5, 0.95, 0.99))], strict=True))

    def _level_metrics(self, end_s: float) -> dict[str, Metric]:
        integral = self._integral + (end_s - self._at_s) * self._level
        time_s = end_s - self._warm_up_s
        every_mean = integral / time_s if time_s else integral
        means = every_mean[: 4 * len(self._loads)].reshape(4, len(self._loads))
        others = dict(zip(self._others, every_mean[means.size :].tolist(), strict=True))
        looks = list(self._ranges.seen.values())
        ranges = np.mean(looks, axis=0) if looks else np.zeros(len(self._loads))
        # Nobody knows of a disk while contention is off.
        metrics: dict[str, Metric] = {"disk_used_mean": None, "disk_imbalance": None}
        for axis, load in enumerate(self._loads):
            share, _, std, variation = means[:, axis].tolist()
            name, _, of = load.rpartition("_")
            metrics[f"{load}_mean"] = share
            if of == "allocated":
                # What nobody measures is used as allocated; what is measured comes later, and has the last word.
                metrics[f"{name}_used_mean"] = share
            metrics[f"{name}_imbalance"] = variation
            metrics[f"{name}_imbalance_std"] = std
            metrics[f"{name}_imbalance_range"] = float(ranges[axis])
        services, latency = others.pop("services", 0.0), others.pop("service_latency", 0.0)
        if self._others:
            metrics["service_latency_mean"] = latency / services if services else None
        return metrics | {f"{name}_mean": share for name, share in others.items()}
