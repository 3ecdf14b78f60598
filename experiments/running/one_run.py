"""One run to be made: what it is, and what became of it, be it a result or a failure."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.results.result import Result
from experiments.results.study import Detail, RunKey, Study
from experiments.running.simulate import Progress, simulate
from policies.errors import UserError
from policies.log import Levels, Sink

if TYPE_CHECKING:
    from experiments.results.logs import LogWriter

#: Given what the levels of a log are, gives what takes its rows and has the attribute ``rows`` afterwards.
Fold = Callable[[Levels], Any]

#: Makes a result of a study and a key, and tells now and then which share of it is done.
Work = Callable[[Study, RunKey, Progress], Result]


class Run(NamedTuple):
    """One run to be made.

    Attributes
    ----------
    study, key : Study, RunKey
        What was asked for, and which run of it.
    out : Path, optional
        The results directory that its log is written into.
    writes_rejects : bool
        Whether it writes down which rows of the trace were put aside.
    fold : callable, optional
        What else is made of its log, beside the metrics.
    work : callable, optional
        What is done with study, key and progress where it is no replay.
    home : Path, optional
        The file that the experiment is in, where that is no module of ours: other processes load it first.
    where : mapping, optional
        Its place in the grid of an experiment.
    """

    study: Study
    key: RunKey
    out: Path | None = None
    writes_rejects: bool = False
    fold: Fold | None = None
    work: Work | None = None
    home: Path | None = None
    where: Mapping[str, Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpacked, (self.home, pickle.dumps(tuple(self)))

    @property
    def told(self) -> str:
        """Say which run this is, for a person."""
        if self.where is not None:
            return " ".join(f"{name}={_short(value)}" for name, value in self.where.items())
        return f"{self.key.architecture} {self.key.policy} seed {self.key.seed}"


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unpacked(home: Path | None, packed: bytes) -> Run:
    if home is not None:
        from experiments.running.own_files import load_experiment

        load_experiment(home)
    return Run(*pickle.loads(packed))


class Failed(NamedTuple):
    """What became of a run that has no result.

    Attributes
    ----------
    why : str
        One line.
    error : UserError, optional
        The same, where it is for the user to mend.
    trace : str
        Where it came up, if that is for us to mend.
    """

    why: str
    error: UserError | None = None
    trace: str = ""


def attempt(run: Run, progress: Progress) -> Result | Failed:
    """Make one run, or say why there is none."""
    try:
        return run_one(run, progress)
    except UserError as error:
        return Failed(str(error), error)
    except OSError as error:
        # A disk that is full, a file that may not be read.
        return Failed(str(error), UserError(str(error)), traceback.format_exc())
    except (Exception, SystemExit) as error:
        first: BaseException = error
        while first.__cause__ is not None:  # SimPy raises what came up in a process once more
            first = first.__cause__
        where = traceback.extract_tb(first.__traceback__)[-1]
        return Failed(f"{one_line(error)} ({Path(where.filename).name}:{where.lineno})", trace=traceback.format_exc())


def one_line(error: BaseException) -> str:
    """Tell an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


def run_one(run: Run, progress: Progress) -> Result:
    """Make one run, and write its log if there is somewhere to write it."""
    study, key, out, fold = run.study, run.key, run.out, run.fold
    if run.work is not None:
        return run.work(study, key, progress)
    folds: list[Any] = []
    writers: list[LogWriter] = []
    rejected = None
    if out is not None:
        from experiments.results.directory import Results
        from experiments.results.logs import LogWriter

        results = Results(out)
        rejected = results.rejected if run.writes_rejects else None

    def sinks(levels: Levels) -> list[Sink]:
        if fold is not None:
            folds.append(fold(levels))
        if out is not None and study.detail is not Detail.SUMMARY:
            writers.append(LogWriter(results.log, key, levels, study.detail))
        return [*folds, *writers]

    try:
        result = simulate(study, key, sinks, rejected, progress)
    except BaseException:
        for writer in writers:
            writer.discard()
        raise
    for writer in writers:
        writer.close()
    return replace(result, folded=folds[0].rows) if folds else result
