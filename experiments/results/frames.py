"""A results directory as tables: what figures, comparisons, reports and notebooks are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.results.directory import Results
from experiments.results.logs import HOSTS, LOG, log_batches, log_files, read_log
from experiments.results.result import Result
from experiments.results.study import RunKey, Study, run_named
from policies.arrays import FloatArray
from policies.errors import UserError
from policies.log import Row

#: What of a resource is looked at: what is used where hosts are shared, and else what is allocated.
USED, ALLOCATED = "used", "allocated"


class HostLoads(NamedTuple):
    """The load of every host at every look.

    Attributes
    ----------
    t_s : ndarray of shape (n_looks,)
        When, in seconds since the run began.
    loads : dict of str to ndarray of shape (n_looks, n_hosts)
        By name, ``cpu_allocated`` and so on: the share of the host's capacity, NaN where the host is not there.
    """

    t_s: FloatArray
    loads: dict[str, FloatArray]


class Frames:
    """The tables of a results directory, each read when it is asked for.

    Parameters
    ----------
    folder : Path
        The results directory.

    Attributes
    ----------
    results : Results
        The directory.
    study : Study
        What was asked for.

    Raises
    ------
    UserError
        If the folder holds no results.
    """

    def __init__(self, folder: Path) -> None:
        self.results = Results(folder)
        self.study: Study = self.results.study()

    @cached_property
    def summary(self) -> pd.DataFrame:
        """The table of runs: one row a run, columns ``architecture``, ``policy``, ``seed``, its metrics and its cost.

        A metric that a run does not have, or that is unknown, is NaN.
        """
        rows = [{**r.key._asdict(), **r.metrics, **r.cost} for r in self.finished.values()]
        if not rows:
            raise UserError(f"{self.results.folder} holds no finished run yet")
        return pd.DataFrame(rows)

    @cached_property
    def finished(self) -> dict[RunKey, Result]:
        """What came of the runs that are finished, in the study's order."""
        return self.results.finished()

    @property
    def runs(self) -> list[RunKey]:
        """The runs that are finished, in the study's order."""
        return list(self.finished)

    @property
    def combinations(self) -> list[list[RunKey]]:
        """The finished runs of each architecture and policy, from the lowest seed to the highest."""
        every: dict[tuple[str, str], list[RunKey]] = {}
        for key in self.runs:
            every.setdefault((key.architecture, key.policy), []).append(key)
        return [sorted(keys) for keys in every.values()]

    @property
    def firsts(self) -> list[RunKey]:
        """One run of each architecture and policy: that of the lowest seed."""
        return [keys[0] for keys in self.combinations]

    def ended_s(self, key: RunKey | None = None) -> float:
        """Give when a run ended, in seconds since it began; without `key` the last of them."""
        runs = self.runs if key is None else [key]
        # A horizon begins where the warm-up ends.
        return self.study.warm_up_s + max(float(self.finished[one].metrics["horizon_s"] or 0.0) for one in runs)

    def has_log(self) -> bool:
        """Say whether there is a log of every finished run."""
        return all(self.log_file(key).exists() for key in self.runs)

    def log_file(self, key: RunKey) -> Path:
        """Give the file of what happened in a run."""
        return log_files(self.results.log, key)[LOG]

    def named(self, text: str) -> RunKey:
        """Give the finished run that a user calls ``ARCHITECTURE,POLICY,SEED``; see `run_named`."""
        return run_named(text, self.runs, self.results.folder)

    def columns(self, key: RunKey) -> list[str]:
        """Give the columns of a run's log."""
        return list(pq.read_schema(self._there(self.log_file(key))).names)

    def rows(self, key: RunKey) -> int:
        """Say how many rows a run's log has; nothing but the file's end is read for it."""
        return int(pq.read_metadata(self._there(self.log_file(key))).num_rows)

    def log(self, key: RunKey, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read what happened in a run: one row for each thing, with the fields of `policies.log.Row` and its levels.

        Raises
        ------
        UserError
            If there is no log of it.
        """
        path = self._there(self.log_file(key))
        return pq.read_table(path, columns=None if columns is None else list(columns)).to_pandas()

    def each_row(self, key: RunKey, levels: Sequence[str] = ()) -> Iterator[list[Row]]:
        """Read what happened in a run as rows, batch by batch: memory does not grow with the run.

        Parameters
        ----------
        key : RunKey
            Which run.
        levels : sequence of str
            Which levels of the cell the rows are to have, as ``cpu_allocated``.

        Raises
        ------
        UserError
            If there is no log of it.
        """
        return read_log(self._there(self.log_file(key)), levels)

    def batches(self, key: RunKey, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read columns of what happened in a run, batch by batch.

        Raises
        ------
        UserError
            If there is no log of it.
        """
        return log_batches(self._there(self.log_file(key)), columns)

    def of_job(self, key: RunKey, job: str) -> pd.DataFrame:
        """Read what happened to one job in a run: the rows of `log` that tell of it, none if there is no such job."""
        return pq.read_table(self._there(self.log_file(key)), filters=[("job", "=", job)]).to_pandas()

    def names_of_jobs(self, key: RunKey) -> list[str]:
        """Give the jobs that a run's log tells of, in order of time."""
        names = pq.read_table(self._there(self.log_file(key)), columns=["job"])["job"].unique().to_pylist()
        return [name for name in names if name]

    def jobs(self, key: RunKey) -> pd.DataFrame:
        """Say of every job that was submitted in a run when it was, and when the last of its containers ended.

        Returns
        -------
        DataFrame
            Columns ``job``, ``workload``, ``submitted_s`` and ``ended_s``, one row a job; ``ended_s`` is NaN where
            containers of it still ran, or waited, when the run was over.
        """
        path = self._there(self.log_file(key))
        told = pq.read_table(path, columns=["event", "job", "workload", "again", "tasks", "t_s"])
        events = told["event"].cast(pa.string())  # comparing dictionaries is not there in every version of Arrow
        came = told.filter(pc.and_(pc.equal(events, "submitted"), pc.invert(told["again"])))
        ended = told.filter(pc.equal(events, "finished")).group_by("job").aggregate([("tasks", "sum"), ("t_s", "max")])
        jobs = came.select(["job", "workload", "t_s", "tasks"]).to_pandas().rename(columns={"t_s": "submitted_s"})
        jobs = jobs.merge(ended.to_pandas(), on="job", how="left")
        # Of MapReduce jobs there may be more containers than they asked for.
        jobs["ended_s"] = jobs["t_s_max"].where(jobs["tasks_sum"] >= jobs["tasks"])
        return jobs[["job", "workload", "submitted_s", "ended_s"]]

    def levels(self, key: RunKey, names: Sequence[str], points: int = 1000) -> pd.DataFrame:
        """Read states of the cell over time, on an even grid: each the value that holds there.

        Parameters
        ----------
        key : RunKey
            Which run.
        names : sequence of str
            Levels, as ``cpu_allocated``.
        points : int
            How many places the grid has.

        Returns
        -------
        DataFrame
            Columns ``t_s`` and `names`, one row for each place.
        """
        frame = self.log(key, ["t_s", *names])
        grid = np.linspace(frame["t_s"].iloc[0], frame["t_s"].iloc[-1], points)
        last = np.maximum(np.searchsorted(frame["t_s"].to_numpy(), grid, side="right") - 1, 0)
        return frame.iloc[last].assign(t_s=grid).reset_index(drop=True)

    def hosts(self, key: RunKey, names: Sequence[str] | None = None) -> HostLoads:
        """Read the load of every host at every look of a run.

        Parameters
        ----------
        key : RunKey
            Which run.
        names : sequence of str, optional
            Of which resources, as ``cpu_allocated``; of all unless given.

        Raises
        ------
        UserError
            If there is no log of it.
        """
        file = self._there(log_files(self.results.log, key)[HOSTS])
        table = pq.read_table(file, columns=None if names is None else ["t_s", *names])
        looks = table.num_rows
        loads = {
            name: flat(table[name]).reshape(looks, -1) if looks else np.empty((0, 0))
            for name in table.column_names
            if name != "t_s"
        }
        return HostLoads(table["t_s"].to_numpy(), loads)

    def looked_at(self, key: RunKey) -> str:
        """Say what of a resource is looked at in a run: USED where its hosts are shared, else ALLOCATED."""
        return USED if f"cpu_{USED}" in self.columns(key) else ALLOCATED

    @staticmethod
    def _there(path: Path) -> Path:
        if not path.exists():
            raise UserError(f"{path} is missing: it needs a log (--detail jobs or tasks)")
        return path


def flat(column: pa.ChunkedArray) -> FloatArray:
    """Give the numbers of a column of lists, one list behind the other."""
    numbers: FloatArray = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return numbers


def coarse(load: FloatArray, most: int) -> FloatArray:
    """Average neighbouring hosts, so that a picture of any cell has few cells.

    Parameters
    ----------
    load : ndarray of shape (n_looks, n_hosts)
        NaN where a host is not there.
    most : int
        How many there may be.

    Returns
    -------
    ndarray of shape (n_looks, min(n_hosts, most))
        NaN where none of the hosts is there.
    """
    if load.shape[1] <= most:
        return load
    edges = np.linspace(0, load.shape[1], most + 1).astype(int)
    there = ~np.isnan(load)
    total, hosts = (np.add.reduceat(part, edges[:-1], axis=1) for part in (np.nan_to_num(load), there.astype(float)))
    means: FloatArray = np.divide(total, hosts, out=np.full(total.shape, np.nan), where=hosts > 0)
    return means
