"""Towtank from Python, for notebooks and scripts: make runs, get tables, look at figures.

The options are those of ``towtank run``, under the names that they have in `experiments.results.study.Study`, and what
comes of them is the same: :func:`run` makes a results directory, and :func:`open_results` opens one.

>>> from experiments.interface import run
>>> runs = run("generated:cpu-io-small", policies=["spread", "binpack"], until_s="20s", contention=True)
>>> runs.summary[["policy", "tasks_scheduled"]].columns.tolist()
['policy', 'tasks_scheduled']
"""

from __future__ import annotations

import inspect
import io
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from experiments.results.directory import Results
from experiments.results.frames import Frames
from experiments.results.study import Detail, RunKey, Study
from experiments.running.choices import nearest
from policies.errors import UserError
from policies.placement import BUILT_IN
from traces.whole import written_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Runs", "open_results", "run"]

#: What names a policy: as on the command line, or a function or class that stands in a file.
Policy = str | Callable[..., Any]


def run(
    trace: str | Path | pd.DataFrame = Study.trace,
    *,
    hosts: int | str | Path | pd.DataFrame | None = None,
    policies: Policy | Iterable[Policy] = Study.policies,
    architectures: str | Iterable[str] = Study.architectures,
    seeds: int | str | Iterable[int] = Study.seeds,
    out: str | Path | None = None,
    processes: int = 1,
    **options: Any,
) -> Runs:
    """Replay a workload under each architecture, policy and seed, in the tank.

    Parameters
    ----------
    trace : str, path or DataFrame
        The workload, as ``--trace`` names it, or a table with the columns of the native format: one row a job.
    hosts : int, str, path or DataFrame, optional
        How many hosts, a file of them, ``"trace"``, or a table with the columns of a host file (``host``, ``cpus``,
        ``memory_bytes``, …); the trace's own by default.
    policies : str, function or class, or an iterable of these
        As ``--policy`` names them, or the function or class itself where it stands at the top of a file. Parameters are
        written behind a name: ``"mine.py:roomy:crowding=0.1"``.
    architectures : str or iterable of str
        As ``--architecture`` names them.
    seeds : int or iterable of int
        One run for each; or as ``--seeds`` has them.
    out : path, optional
        The results directory, taken up again if it holds the same; without one the results last as long as what is
        returned. Tables are written beside it, ``OUT.trace.csv`` and ``OUT.hosts.csv``.
    processes : int
        How many runs go on at once. More than one start Python anew, which in a script needs the usual
        ``if __name__ == "__main__":``.
    **options
        The other entries of `Study`, for instance ``until_s=600`` or ``until_s="10min"``, ``contention=True``,
        ``t_job_s={"service": 10}``. A text is read as on the command line.

    Returns
    -------
    Runs
        What came of it.

    Raises
    ------
    UserError
        For anything that the user can mend: an option that there is not, a policy that cannot be found, a row of a
        table that cannot be used.

    Examples
    --------
    >>> jobs = pd.DataFrame(
    ...     {"job": ["a", "b"], "submit_s": [0, 5], "workload": "batch", "tasks": [3, 1], "duration_s": [60.0, 30.0],
    ...      "cpus": 1.0, "memory_bytes": 2**30}
    ... )
    >>> runs = run(jobs, hosts=2, policies="spread", architectures="monolithic")
    >>> runs.summary["tasks_finished"].tolist()
    [4]
    """
    folder = Path(tempfile.mkdtemp(prefix="towtank-")) if out is None else None
    results = Path(out) if out is not None else Path(str(folder)) / "results"
    try:
        study = _study(
            {
                **options,
                "trace": _file(trace, results, "trace"),
                "hosts": _file(hosts, results, "hosts"),
                "policies": tuple(dict.fromkeys(_named(one) for one in _several(policies))),
                "architectures": tuple(dict.fromkeys(_several(architectures))),
                "seeds": seeds if isinstance(seeds, str) else tuple(_several(seeds)),
            }
        )
        # The one place from which runs are made.
        from experiments.running.runner import run_study

        run_study(study, results, processes)
        return Runs(results, folder)
    except BaseException:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def open_results(folder: str | Path) -> Runs:
    """Open a results directory, whoever made it.

    Parameters
    ----------
    folder : path
        What ``--out`` named, with ``run.json`` in it.

    Raises
    ------
    UserError
        If the folder is no results directory.
    """
    return Runs(Path(folder))


class Runs:
    """The runs of a study as tables and figures; a notebook shows their summary.

    Parameters
    ----------
    folder : Path
        The results directory.
    temporary : Path, optional
        A folder that goes when this goes.

    Attributes
    ----------
    folder : Path
        The results directory.
    study : Study
        What was asked for.

    Notes
    -----
    Methods that are about one run take ``architecture``, ``policy`` and ``seed``. An architecture or a policy may be
    left out where there is only one, a seed always: then it is the lowest.
    """

    def __init__(self, folder: Path, temporary: Path | None = None) -> None:
        self._frames = Frames(folder)
        self.folder, self.study = folder, self._frames.study
        if temporary is not None:
            weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)

    @property
    def summary(self) -> pd.DataFrame:
        """One row a run: ``architecture``, ``policy``, ``seed``, its metrics (the README's table says what they are and
        in which unit) and its cost. What is unknown is NaN.
        """
        return self._frames.summary.copy()

    @property
    def keys(self) -> list[RunKey]:
        """The runs that are finished, each an ``(architecture, policy, seed)``."""
        return self._frames.runs

    def log(
        self,
        architecture: str | None = None,
        policy: Policy | None = None,
        seed: int | None = None,
        columns: Iterable[str] | None = None,
    ) -> pd.DataFrame:
        """Read what happened in a run: one row for each thing, with the columns of `policies.log.Row` and its levels.

        Parameters
        ----------
        architecture, policy, seed : optional
            Which run.
        columns : iterable of str, optional
            Those that are read; all by default.

        Raises
        ------
        UserError
            If it is not clear which run is meant, or there is no log or no such column.
        """
        key = self._key(architecture, policy, seed)
        return self._frames.log(key, None if columns is None else self._there(key, columns))

    def levels(
        self,
        names: str | Iterable[str],
        architecture: str | None = None,
        policy: Policy | None = None,
        seed: int | None = None,
        points: int = 1000,
    ) -> pd.DataFrame:
        """Read states of the cell over time, on an even grid.

        Parameters
        ----------
        names : str or iterable of str
            Levels, for instance ``"cpu_allocated"``: columns of the log.
        architecture, policy, seed : optional
            Which run.
        points : int
            How many places the grid has.

        Returns
        -------
        DataFrame
            Columns ``t_s`` and `names`, one row for each place.

        Raises
        ------
        UserError
            If it is not clear which run is meant, or there is no log or no such level.
        """
        key = self._key(architecture, policy, seed)
        return self._frames.levels(key, self._there(key, _several(names)), points)

    def loads(
        self,
        resource: str = "cpu",
        architecture: str | None = None,
        policy: Policy | None = None,
        seed: int | None = None,
    ) -> pd.DataFrame:
        """Read how loaded every host was at every look, as a tidy table.

        Parameters
        ----------
        resource : str
            ``"cpu"``: what is used of it where hosts are shared, else what is allocated; or exactly one of the two,
            ``"cpu_allocated"``.
        architecture, policy, seed : optional
            Which run.

        Returns
        -------
        DataFrame
            Columns ``t_s``, ``host`` (its number) and ``load``: the share of the host's capacity, NaN while the host is
            not there.

        Raises
        ------
        UserError
            If it is not clear which run is meant, or there is no log or no such resource.
        """
        key = self._key(architecture, policy, seed)
        t_s, loads = self._frames.hosts(key)
        name = resource if resource in loads else f"{resource}_{self._frames.looked_at(key)}"
        if name not in loads:
            raise UserError(f"no load is called {resource!r}{nearest(resource, loads)}")
        wide = pd.DataFrame(loads[name]).assign(t_s=t_s)
        return wide.melt("t_s", var_name="host", value_name="load").astype({"host": int})

    def compare(self, *metrics: str, baseline: str | None = None) -> pd.DataFrame:
        """Say how runs differ, seed by seed, as ``towtank compare`` does.

        Parameters
        ----------
        *metrics : str
            What to compare; by default what matters and differs.
        baseline : str, optional
            What the others are compared with: a policy, an architecture, or ``"ARCHITECTURE,POLICY"``; by default the
            first of the study.

        Returns
        -------
        DataFrame
            One row for each comparison, with the columns of `experiments.measures.comparing.Comparison.record`; the
            ``sentence`` says it in words.

        Raises
        ------
        UserError
            If there is no such metric or baseline.
        """
        from experiments.measures.comparing import headlines

        return pd.DataFrame([one.record() for one in headlines(self._frames.summary, metrics, baseline)])

    @property
    def figures(self) -> list[str]:
        """The names of the figures that can be drawn of these runs."""
        from experiments.drawing.catalogue import pictures

        return [picture.stem for picture in pictures(self._frames)]

    def draw(self, name: str) -> Figure:
        """Draw a figure; a notebook shows it.

        Parameters
        ----------
        name : str
            One of `figures`.

        Raises
        ------
        UserError
            If there is no such figure of these runs.
        """
        from experiments.drawing.catalogue import pictures

        known = {picture.stem: picture for picture in pictures(self._frames)}
        if name not in known:
            raise UserError(f"no figure is called {name!r}{nearest(name, known)}")
        figure = known[name].draw(self._frames)
        # pyplot, whose figures notebooks show of themselves, knows nothing of ours.
        vars(figure)["_repr_png_"] = lambda: _png(figure)
        return figure

    def _repr_html_(self) -> str:
        from experiments.results.summary import table

        # A column of one name may be there twice, so the table is not made of a dictionary.
        headings, rows = table(list(self._frames.finished.values()))
        shown = pd.DataFrame(rows, columns=headings).to_html(index=False, border=0)
        seeds = len({key.seed for key in self.keys})
        note = f"<p>Means of {seeds} seeds with their 95 % t-intervals.</p>" if seeds > 1 else ""
        return f"{shown}{note}"

    def __repr__(self) -> str:
        return f"<{len(self.keys)} runs of {self.study.trace} in {self.folder}>"

    def _key(self, architecture: str | None, policy: Policy | None, seed: int | None) -> RunKey:
        keys = self.keys
        wanted = {"architecture": architecture, "policy": None if policy is None else _named(policy)}
        for part, name in wanted.items():
            known = list(dict.fromkeys(getattr(key, part) for key in keys))
            if name is None and len(known) > 1:
                raise UserError(f"say which {part} is meant (there are: {', '.join(known)})")
            if name is not None and name not in known:
                raise UserError(f"there is no run of {part} {name!r}{nearest(name, known)}")
            keys = [key for key in keys if name in (None, getattr(key, part))]
        if not keys:
            raise UserError(f"{self.folder} holds no finished run of that")
        seeds = [key.seed for key in keys]
        if seed is not None and seed not in seeds:
            raise UserError(f"there is no run of seed {seed} (there are: {', '.join(map(str, seeds))})")
        return keys[seeds.index(min(seeds) if seed is None else seed)]

    def _there(self, key: RunKey, names: Iterable[str]) -> list[str]:
        known, names = self._frames.columns(key), list(names)
        for name in names:
            if name not in known:
                raise UserError(f"the log has no column {name!r}{nearest(name, known)}")
        return names


def _study(options: Mapping[str, Any]) -> Study:
    """Make the study of these options, each read and checked as the command line does it."""
    import click

    from experiments.cli.run import check
    from experiments.cli.run import run as command
    from experiments.cli.spelling import spelled

    known = {field.name for field in fields(Study)}
    for name in options:
        if name not in known:
            raise UserError(f"there is no option {name!r}{nearest(name, known)}")
    if options.get("on", Study.on) != Study.on:
        raise UserError("on: runs at sea are made by the command line, which asks before it starts anything")
    read: dict[str, Any] = {}
    with click.Context(command) as context:
        for parameter in command.params:
            name = parameter.name or ""
            if name not in options or options[name] is None:
                continue
            given: Any = options[name]
            # As text, so that a number is looked at as closely as one on the command line.
            if isinstance(parameter, click.Option) and parameter.multiple:
                given = tuple(spelled(one) for one in _several(given))
            else:
                given = spelled(given)
            try:
                read[name] = parameter.type_cast_value(context, given)
            except click.ClickException as error:
                raise UserError(f"{name}: {error.message}") from None
    shared, detail = read.pop("contention", "off"), read.pop("detail", Study.detail)
    study = replace(Study(), **read, contention=shared == "on", detail=Detail(detail))
    check(study)
    return study


def _several(one: Any) -> Iterable[Any]:
    """Give what may be one thing or several as several."""
    return one if isinstance(one, Iterable) and not isinstance(one, str) else (one,)


def _named(policy: Policy) -> str:
    """Spell a policy as on the command line."""
    if isinstance(policy, str):
        return policy
    for name, ours in BUILT_IN.items():
        if policy is ours:
            return name
    called = getattr(policy, "__qualname__", None)
    if called is None:
        raise UserError(f"{policy!r} is neither a name nor a function or class; give 'mine.py:name:parameter=value'")
    try:
        file = inspect.getsourcefile(policy)
    except TypeError:
        file = None
    path = Path(file or "")
    if path.suffix != ".py" or not path.is_file():
        raise UserError(
            f"policy {called} stands in no file: begin its cell with `%%writefile mine.py` and give 'mine.py:{called}'"
        )
    if not called.isidentifier():
        raise UserError(f"{path}: policy {called} does not stand at the top of the file")
    beside = os.path.relpath(path)
    return f"{path if beside.startswith(os.pardir) else beside}:{called}"


def _file(given: Any, results: Path, what: str) -> str | None:
    """Name what was given as on the command line: a table is written into a file beside the results first."""
    if not isinstance(given, pd.DataFrame):
        return None if given is None else str(given)
    flags = given.select_dtypes("bool").columns
    text = given.astype(dict.fromkeys(flags, "int8")).to_csv(index=False, lineterminator="\n")
    path = results.with_name(f"{results.name}.{what}.csv")
    if path.exists() and path.read_text(encoding="utf-8") != text and Results(results).finished():
        raise UserError(f"{results} holds the results of another {what}, {path}; choose another out or remove it")
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")
    return str(path)


def _png(figure: Figure) -> bytes:
    """Give a figure as a bitmap."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
