"""Runs made again, to see whether they come out the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from experiments.results.provenance import fingerprint
from experiments.results.record import Comparison, Record, are_here, check_inputs, compared
from experiments.results.study import RunKey, Study, run_named
from experiments.running.at_sea import is_at_sea
from experiments.running.executors import Executors
from experiments.running.runner import Listener, run_study
from experiments.running.simulate import inputs_of, trace_of
from policies.errors import UserError
from traces.formats import GENERATED, RECORDED


def runs_of(record: Record, run: str | None = None) -> list[RunKey]:
    """Give the runs of a record that can be made again.

    Parameters
    ----------
    record : Record
        What was recorded.
    run : str, optional
        One of them, as ``ARCHITECTURE,POLICY,SEED``; by default all that were finished.

    Raises
    ------
    UserError
        If there are none, or not that one, or they were made at sea.
    """
    if is_at_sea(record.study):
        raise UserError(
            f"{record.path}: these runs were made at sea ({record.study.on}), which is never the same twice; "
            "`towtank validate` compares it with the tank"
        )
    keys = list(record.results)
    if not keys:
        raise UserError(
            f"{record.path}: names no finished run with the digests of what it wrote: nothing to compare with"
        )
    return keys if run is None else [run_named(run, keys, record.path)]


@contextmanager
def as_it_was(record: Record, trace: str | None = None) -> Iterator[Study]:
    """Go to where the files of a study are, and give the study.

    Files that a study names by relative paths are looked for from the current folder, then from that which the runs
    were made in. The process is there until this is left, and so are processes that it begins.

    Parameters
    ----------
    record : Record
        What was recorded.
    trace : str, optional
        Where the trace is now, ``[FORMAT:]PATH``, if it was moved.

    Raises
    ------
    UserError
        If a file is missing, or another one than it was.
    """
    study, expected = record.study, dict(record.inputs)
    if trace is not None:
        study = replace(study, trace=_moved(study.trace, trace))
        _check_moved(record, study)
        del expected["trace"]
    files = {file: was for some in expected.values() for file, was in some.items()}
    # Where no folder has all of them, what is amiss is told of the current one.
    folders = [Path.cwd(), Path(record.manifest.get("cwd", "."))]
    folder = next((one for one in folders if are_here(files, one)), folders[0])
    with chdir(folder):
        for name, some in expected.items():
            for file in some:
                if not Path(file).is_file():
                    raise UserError(_missing(name, file, *folders))
        found = {name: {str(file): fingerprint(file) for file in some} for name, some in inputs_of(study).items()}
        check_inputs(expected, {name: some for name, some in found.items() if name in expected or trace is None})
        yield study


def _missing(name: str, file: str, here: Path, then: Path) -> str:
    looked = "" if Path(file).is_absolute() else f" in {here}"
    if looked and then != here:
        looked += f", and {then}, where the runs were made, has not all files as they were"
    hint = "; --trace says where it is now" if name == "trace" else ""
    return f"{file}: is missing ({name}){looked}{hint}"


def _moved(before: str, now: str) -> str:
    """Give a trace by its whole path, in the format that it was read in."""
    name, colon, path = now.partition(":")
    if colon and name == GENERATED:
        return now
    if not (colon and name in RECORDED):
        name, path = before.partition(":")[0], now
    whole = str(Path(path).absolute())
    return f"{name}:{whole}" if name in RECORDED else whole


def _check_moved(record: Record, study: Study) -> None:
    """See that a trace is the one it was, wherever it is now and whatever it is called."""
    before = record.inputs.get("trace", {})
    if not before:
        raise UserError(f"--trace {study.trace}: the runs were made of {record.study.trace}, which is no file")
    files = trace_of(study, study.seeds[0]).files()
    if len(files) != len(before):
        raise UserError(
            f"--trace {study.trace}: is not the trace that the runs were made of: it has {len(files)} files, "
            f"that had {len(before)}"
        )
    for file, was in zip(files, before.values(), strict=True):
        check_inputs({"trace": {str(file): was}}, {"trace": {str(file): fingerprint(file)}})


def rerun(
    record: Record,
    keys: Sequence[RunKey],
    study: Study,
    out: Path | None = None,
    executors: Executors | int = 1,
    listener: Listener | None = None,
) -> Comparison:
    """Make runs again, and compare what comes out with what is recorded.

    Parameters
    ----------
    record : Record
        What was recorded.
    keys : sequence of RunKey
        Which runs, as `runs_of` gives them.
    study : Study
        What is made again, as `as_it_was` gives it.
    out : Path, optional
        Where they are made into, a whole path to a new folder; by default one for a while.
    executors, listener
        As in `run_study`.

    Raises
    ------
    UserError
        For anything that the user can mend.
    """
    if out is not None and out.exists() and any(out.iterdir()):
        raise UserError(f"{out} is not empty, and all is to be made again; choose another --out")
    with nullcontext(out) if out is not None else _folder_for_a_while() as folder:
        results = run_study(study, folder, executors, listener, keys=keys)
        return compared(record, keys, results, folder)


@contextmanager
def _folder_for_a_while() -> Iterator[Path]:
    # A process that is ended beside us may still write: what it leaves is the system's to take away.
    with TemporaryDirectory(prefix="towtank-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
