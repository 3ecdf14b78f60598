"""An experiment: a question, a grid of runs, a table, checks of what somebody claims, a figure.

Each is a module at the top of ``experiments``; `run` makes the runs of several at once, so that what two of them ask
for is run only once.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from experiments.measures.checks import Check
from experiments.results.provenance import provenance
from experiments.results.result import Result
from experiments.results.study import RunKey, Study
from experiments.running.runner import Fold, Run, Watcher, Work, run_all
from policies.errors import UserError

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
        made_by = [getattr(one, "__qualname__", None) for one in (self.fold, self.work)]
        return json.dumps([asdict(self.study), self.key, made_by], default=str)


class Experiment(Protocol):
    """A module that is an experiment; the first line of its docstring is the question."""

    __doc__: str
    __name__: str

    #: The metrics that its table keeps, each a column, as in the README's table or of `Result.cost`.
    MEASURES: Sequence[str]
    #: Which of a plan's ``trace`` and ``policies`` it can use; none where it does not say.
    TAKES: Sequence[str]

    @staticmethod
    def points(plan: Plan) -> Iterable[Point]:
        """Give the runs."""
        ...

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
    """Find experiments by name; the name of a series, as ``omega``, stands for all of it.

    Raises
    ------
    UserError
        With the nearest name.
    """
    from experiments.running.choices import nearest

    known = names()
    found: dict[str, Experiment] = {}
    for name in wanted:
        some = [name] if name in known else [one for one in known if one.startswith(f"{name}_")]
        if not some:
            first_words = Counter(one.partition("_")[0] for one in known)
            series = [word for word, times in first_words.items() if times > 1]
            raise UserError(f"no experiment is called {name!r}{nearest(name, [*known, *series])}")
        found |= {one: _module(one) for one in some}
    return list(found.values())


def name_of(experiment: Experiment) -> str:
    """Give the name that the command line knows an experiment by."""
    return experiment.__name__.rpartition(".")[2]


def question(experiment: Experiment) -> str:
    """Give the question that an experiment answers."""
    return experiment.__doc__.strip().partition("\n")[0]


class Outcome(NamedTuple):
    """What an experiment came to, and where it lies."""

    experiment: Experiment
    checks: list[Check]
    files: list[Path]


def run(
    experiments: Sequence[Experiment],
    plan: Plan,
    out: Path,
    processes: int = 1,
    begin: Callable[[int], tuple[Watcher, Callable[[Result], None]]] = lambda runs: (lambda done: None, lambda r: None),
) -> list[Outcome]:
    """Make all runs of some experiments, and of each write table, checks and figure.

    Parameters
    ----------
    experiments : sequence of Experiment
        What is to be found out.
    plan : Plan
        How.
    out : Path
        The folder for ``NAME.csv``, ``NAME.checks.csv``, ``NAME.json`` (what was asked and with which versions),
        ``NAME.png`` and ``NAME.svg``.
    processes : int
        How many runs go on at once.
    begin : callable
        Told how many runs there are; gives whom to tell of progress and of each run that ended.

    Raises
    ------
    UserError
        For anything that the user can mend.
    """
    for name in ("trace", "policies"):
        if getattr(plan, name) and not any(name in getattr(experiment, "TAKES", ()) for experiment in experiments):
            option = {"trace": "--trace", "policies": "--policy"}[name]
            raise UserError(f"{option} is of no use to {', '.join(map(name_of, experiments))}")
    points = {experiment: list(experiment.points(plan)) for experiment in experiments}
    runs: dict[str, Point] = {point.identity: point for some in points.values() for point in some}
    watch, finished = begin(len(runs))
    identities = list(runs)
    results: dict[str, Result] = {}

    def take(number: int, result: Result) -> None:
        results[identities[number]] = result
        finished(result)

    run_all(
        [Run(point.study, point.key, fold=point.fold, work=point.work) for point in runs.values()],
        processes,
        watch,
        take,
    )
    manifest = asdict(plan) | provenance()
    return [
        _conclude(experiment, [(point.where, results[point.identity]) for point in some], manifest, out)
        for experiment, some in points.items()
    ]


def _conclude(
    experiment: Experiment, results: list[tuple[dict[str, Any], Result]], manifest: dict[str, Any], out: Path
) -> Outcome:
    import pandas as pd

    from experiments.drawing import style

    name = name_of(experiment)
    rows = []
    for where, result in results:
        known = result.metrics | result.cost
        kept = where | {measure: known.get(measure) for measure in experiment.MEASURES}
        rows += [kept | row for row in result.folded] or [kept]
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{name}.csv"
    pd.DataFrame(rows).to_csv(file, index=False)
    # What is drawn and checked is what was written: a reader of the file can do it again.
    table = pd.read_csv(file)
    checks = list(experiment.check(table))
    manifest_file = out / f"{name}.json"
    manifest_file.write_text(json.dumps({"experiment": name} | manifest, indent=2) + "\n", encoding="utf-8")
    checks_file = out / f"{name}.checks.csv"
    pd.DataFrame([check.cells() for check in checks], columns=list(Check.__slots__)).to_csv(checks_file, index=False)
    return Outcome(
        experiment, checks, [file, checks_file, manifest_file, *style.save(experiment.draw(table), out / name)]
    )
