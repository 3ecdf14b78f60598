"""An experiment: a question, a grid of runs, a table, checks of what somebody claims, a figure.

Each is a module at the top of ``experiments``; `run` makes the runs of several at once, so that what two of them ask
for is run only once.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, is_dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from experiments.measures.checks import Check
from experiments.results.provenance import code_digest, fingerprint, platform_told, provenance, versions
from experiments.results.result import Result
from experiments.results.store import Store
from experiments.results.store import name_of as name_of_kept
from experiments.results.study import RunKey, Study
from experiments.running.executors import Executors, Local
from experiments.running.one_run import Failed, Fold, Run, Work, one_line
from experiments.running.own_files import OWN, load_experiment
from experiments.running.runner import Failures, Listener, run_all
from experiments.running.simulate import inputs_of
from policies.errors import UserError
from traces.whole import written_whole

if TYPE_CHECKING:
    import pandas as pd

    from experiments.drawing.style import Figure

Value = TypeVar("Value")


class Scale(StrEnum):
    """How large an experiment is."""

    SMALL = "small"  # a minute or two on two cores
    PAPER = "paper"  # as large as what it is compared with


@dataclass(frozen=True, slots=True)
class Plan:
    """What a person may choose about an experiment.

    Attributes
    ----------
    scale : Scale
        How large it is.
    seeds : tuple of int, optional
        The seeds; by default the experiment's own for that scale.
    trace : str, optional
        A recording that is to stand for the generated workload, where the experiment can use one.
    policies : tuple of str
        The placement policies to be compared, where it compares such; by default its own.
    """

    scale: Scale = Scale.SMALL
    seeds: tuple[int, ...] | None = None
    trace: str | None = None
    policies: tuple[str, ...] = ()

    def pick(self, small: Value, paper: Value) -> Value:
        """Give what belongs to the scale."""
        return small if self.scale is Scale.SMALL else paper

    def seeds_or(self, small: int, paper: int) -> tuple[int, ...]:
        """Give the chosen seeds, or the first so many."""
        return self.seeds or tuple(range(1, self.pick(small, paper) + 1))


class Point(NamedTuple):
    """One run of an experiment.

    Attributes
    ----------
    where : dict
        Its place in the grid: columns of the table.
    study, key : Study, RunKey
        What is run.
    fold : callable, optional
        What is made of its log, where that is more than the metrics: the table then has a line for each of its rows.
    work : callable, optional
        What is done with study and key where it is no replay.
    """

    where: dict[str, Any]
    study: Study
    key: RunKey
    fold: Fold | None = None
    work: Work | None = None

    @property
    def identity(self) -> str:
        """Give what two equal runs have in common."""
        return json.dumps(self.asked, default=str)

    @property
    def asked(self) -> dict[str, Any]:
        """Give what is asked for, as plain values.

        Raises
        ------
        UserError
            If what is made of the log, or done instead of a replay, has no name that it could be known by again.
        """
        kind = f"{type(self.study).__module__}.{type(self.study).__qualname__}"
        return {
            "study": [kind, asdict(self.study)], "key": self.key, "fold": _known_by(self.fold),
            "work": _known_by(self.work),
        }  # fmt: skip


def _known_by(made_by: object) -> Any:
    """Give what a function, a class, or either with some arguments given, is known by."""
    if made_by is None:
        return None
    if isinstance(made_by, partial):
        return [_known_by(made_by.func), made_by.args, made_by.keywords]
    name = getattr(made_by, "__qualname__", None)
    if name is None and is_dataclass(made_by):
        return [_known_by(type(made_by)), asdict(made_by)]  # type: ignore[arg-type]
    if name is None or "<" in name:
        raise UserError(
            f"{getattr(made_by, '__module__', 'an experiment')}: {name or made_by!r}: what makes runs must be a "
            "function or a class at the top of a file"
        )
    return f"{made_by.__module__}.{name}"


class Experiment(Protocol):
    """A module that is an experiment; the first line of its docstring is the question."""

    __doc__: str
    __name__: str

    #: The metrics that its table keeps, each a column, as in the README's table or of `Result.cost`; all metrics where
    #: it does not say.
    MEASURES: Sequence[str]
    #: Which of a plan's ``trace`` and ``policies`` it can use; none where it does not say.
    TAKES: Sequence[str]

    @staticmethod
    def points(plan: Plan) -> Iterable[Point]:
        """Give the runs."""
        ...

    # The other two may be missing.

    @staticmethod
    def check(table: pd.DataFrame) -> Iterable[Check]:
        """Hold what came out against what is claimed."""
        ...

    @staticmethod
    def draw(table: pd.DataFrame) -> Figure:
        """Draw the figure, from the table alone."""
        ...


def names() -> list[str]:
    """List the experiments: the modules at the top of the package that have points."""
    import experiments

    return [name for name in _modules(experiments.__path__) if hasattr(_module(name), "points")]


def _modules(path: Iterable[str]) -> list[str]:
    return sorted(m.name for m in pkgutil.iter_modules(path) if not m.ispkg and not m.name.startswith("_"))


def _module(name: str) -> Any:
    return importlib.import_module(f"experiments.{name}")


def find(wanted: Sequence[str]) -> list[Experiment]:
    """Find experiments: by name, or a user's own by its file; the name of a series, as ``omega``, stands for all of it.

    Raises
    ------
    UserError
        With the nearest name, or with what is wrong with the file.
    """
    from experiments.running.choices import nearest

    known = names() if any(not name.endswith(".py") for name in wanted) else []
    found: dict[str, Experiment] = {}
    for name in wanted:
        if name.endswith(".py"):
            own = _own(Path(name))
            if found.setdefault(name_of(own), own) is not own:
                raise UserError(f"{name}: two experiments are called {name_of(own)}")
            continue
        some = [name] if name in known else [one for one in known if one.startswith(f"{name}_")]
        if not some:
            first_words = Counter(one.partition("_")[0] for one in known)
            series = [word for word, times in first_words.items() if times > 1]
            raise UserError(f"no experiment is called {name!r}{nearest(name, [*known, *series])}")
        for one in some:
            if found.setdefault(one, _module(one)) is not _module(one):
                raise UserError(f"{name}: two experiments are called {one}")
    return list(found.values())


def _own(file: Path) -> Experiment:
    module: Any = load_experiment(file)
    if not callable(getattr(module, "points", None)):
        raise UserError(f"{file}: there is no function `points` in it, which gives the runs of an experiment")
    return module


def name_of(experiment: Experiment) -> str:
    """Give the name that the command line knows an experiment by."""
    return experiment.__name__.rpartition(".")[2].removeprefix(OWN)


def question(experiment: Experiment) -> str:
    """Give the question that an experiment answers."""
    return experiment.__doc__.strip().partition("\n")[0]


class Outcome(NamedTuple):
    """What an experiment came to, and where it lies.

    Attributes
    ----------
    experiment : Experiment
        Which.
    runs, failed : int
        How many runs it has, and how many of them failed; if any, nothing was concluded.
    checks : list of Check
        What was claimed beside what came out.
    files : list of Path
        Where it lies.
    """

    experiment: Experiment
    runs: int
    failed: int
    checks: list[Check]
    files: list[Path]


def run(
    experiments: Sequence[Experiment],
    plan: Plan,
    out: Path,
    executors: Executors | int = 1,
    listener: Listener | None = None,
    fresh: bool = False,
) -> list[Outcome]:
    """Make all runs of some experiments that are not there yet, and of each write table, checks and figure.

    Parameters
    ----------
    experiments : sequence of Experiment
        What is to be found out.
    plan : Plan
        How.
    out : Path
        The folder for ``NAME.csv``, ``NAME.checks.csv``, ``NAME.json`` (what was asked and with which versions),
        ``NAME.png`` and ``NAME.svg``; its folder ``runs`` keeps the runs.
    executors : Executors or int
        Where runs are made; a number stands for so many processes of this machine.
    listener : Listener, optional
        Told how far the runs are, and which failed.
    fresh : bool
        Whether runs that are there already are made again.

    Returns
    -------
    list of Outcome
        One for each experiment. That of which a run failed concludes nothing, and what it left before stays.

    Raises
    ------
    UserError
        For anything that the user can mend.
    """
    if isinstance(executors, int):
        executors = Local(executors)
    listener = listener or Listener()
    for name in ("trace", "policies"):
        if getattr(plan, name) and not any(name in getattr(experiment, "TAKES", ()) for experiment in experiments):
            option = {"trace": "--trace", "policies": "--policy"}[name]
            raise UserError(f"{option} is of no use to {', '.join(map(name_of, experiments))}")
    grids = [list(_points(experiment, plan)) for experiment in experiments]
    runs: dict[str, Run] = {}
    for experiment, points in zip(experiments, grids, strict=True):
        where = {"experiment": name_of(experiment)} if len(experiments) > 1 else {}
        for point in points:
            if point.identity not in runs:
                runs[point.identity] = _run(experiment, point, where)
    results = _make(runs, Store(out / "runs", fresh=fresh), out / "failed", executors, listener)
    manifest = asdict(plan) | provenance()
    return [
        _conclude(experiment, [(point.where, results.get(point.identity)) for point in points], manifest, out)
        for experiment, points in zip(experiments, grids, strict=True)
    ]


def _points(experiment: Experiment, plan: Plan) -> Iterable[Point]:
    """Give the points of an experiment; what goes wrong in one of a user's own is told in one line."""
    if _file_of(experiment) is None:
        yield from experiment.points(plan)
        return
    try:
        yield from experiment.points(plan)
    except UserError:
        raise
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise UserError(f"{where.filename}:{where.lineno}: {one_line(error)}") from error


def _run(experiment: Experiment, point: Point, where: dict[str, Any]) -> Run:
    home = _file_of(experiment)
    return Run(point.study, point.key, fold=point.fold, work=point.work, home=home, where=where | point.where)


def _file_of(experiment: Experiment) -> Path | None:
    """Give the file of an experiment that is a user's own."""
    file = getattr(experiment, "__file__", None)
    return Path(file) if file is not None and experiment.__name__.startswith(OWN) else None


def _make(
    runs: dict[str, Run], store: Store, failed: Path, executors: Executors, listener: Listener
) -> dict[str, Result]:
    """Make the runs that are not kept yet; give all that have a result, by identity."""
    store.begin()
    try:
        deciding = _Deciding()
        configurations = {identity: deciding.configuration(identity, run) for identity, run in runs.items()}
        names = {identity: name_of_kept(configuration) for identity, configuration in configurations.items()}
        results = {identity: kept for identity, name in names.items() if (kept := store.get(name)) is not None}
        todo = [identity for identity in runs if identity not in results]
        listener.more(len(runs))
        listener.there(len(results))
        failures = Failures(listener, failed, keep_going=True, succeeded=bool(results))

        def take(number: int, result: Result) -> None:
            identity = todo[number]
            results[identity] = result = store.put(names[identity], configurations[identity], result)
            failures.succeeded(names[identity])
            listener.finished(runs[identity], result)

        def fail(number: int, why: Failed) -> None:
            failures.failed(runs[todo[number]], why, names[todo[number]])

        run_all([runs[identity] for identity in todo], executors, listener.watch, take, fail)
        failures.end()
        return results
    finally:
        store.end()


class _Deciding:
    """Everything that decides what runs come to: what is asked, by which code, of which files."""

    def __init__(self) -> None:
        self._code = {"code_digest": code_digest(), "versions": versions(), "platform": platform_told()}
        self._inputs: dict[str, dict[str, dict[str, str]]] = {}

    def configuration(self, identity: str, run: Run) -> dict[str, Any]:
        own = {} if run.home is None else {"experiment": {run.home.name: fingerprint(run.home)}}
        return {
            "asked": identity,
            "inputs": self._inputs_of(replace(run.study, policies=(run.key.policy,))) | own,
            **self._code,
        }

    def _inputs_of(self, study: Study) -> dict[str, dict[str, str]]:
        named = repr((study.trace, study.prefill, study.hosts, study.policies, study.on_bad_row, study.speed))
        if named not in self._inputs:
            files = inputs_of(study)
            self._inputs[named] = {what: {str(p): fingerprint(p) for p in some} for what, some in files.items()}
        return self._inputs[named]


def _conclude(
    experiment: Experiment, made: list[tuple[dict[str, Any], Result | None]], manifest: dict[str, Any], out: Path
) -> Outcome:
    results = [(where, result) for where, result in made if result is not None]
    failed = len(made) - len(results)
    if failed:
        return Outcome(experiment, len(made), failed, [], [])
    import pandas as pd

    from experiments.drawing import style

    name = name_of(experiment)
    measures = getattr(experiment, "MEASURES", None)
    rows = []
    for where, result in results:
        known = result.metrics | result.cost
        kept = where | (result.metrics if measures is None else {measure: known.get(measure) for measure in measures})
        rows += [kept | row for row in result.folded] or [kept]
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{name}.csv"
    with written_whole(file) as part:
        pd.DataFrame(rows).to_csv(part, index=False)
    # What is drawn and checked is what was written: a reader of the file can do it again.
    table = pd.read_csv(file)
    files = [file]
    checks: list[Check] = []
    if hasattr(experiment, "check"):
        checks = list(experiment.check(table))
        files.append(out / f"{name}.checks.csv")
        pd.DataFrame([check.cells() for check in checks], columns=list(Check.__slots__)).to_csv(files[-1], index=False)
    files.append(out / f"{name}.json")
    files[-1].write_text(json.dumps({"experiment": name} | manifest, indent=2) + "\n", encoding="utf-8")
    if hasattr(experiment, "draw"):
        files += style.save(experiment.draw(table), out / name)
    return Outcome(experiment, len(made), 0, checks, files)
