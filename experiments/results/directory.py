"""A results directory: what was asked for, what came of it, and the log it came from.

``run.json``, ``summary.csv`` (one row a run), ``log/*.parquet``, ``figures/``; ``rejected.csv`` where rows of the
trace were put aside, ``explain.json`` where ``--explain`` asked how jobs were placed.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.measures.statistics import Metric
from experiments.results.digests import digests, key_of, spelled
from experiments.results.locking import Lock
from experiments.results.logs import remove_parts
from experiments.results.provenance import fingerprint, provenance
from experiments.results.result import COST, Result
from experiments.results.study import RunKey, Study
from policies.errors import UserError
from traces.whole import unfinished, written_whole

#: In ``run.json`` beside the digests of a run: what made it, if that is not what began the directory.
MADE_BY = "made_by"


class Results:
    """A results directory, new or taken up again.

    Parameters
    ----------
    folder : Path
        Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._manifest = folder / "run.json"
        self._summary = folder / "summary.csv"
        self.log = folder / "log"
        self.figures = folder / "figures"
        self.rejected = folder / "rejected.csv"
        self._explained = folder / "explain.json"
        self._lock = Lock(folder)
        # All that is there of a directory whose maker was killed before it was one.
        self._begun = unfinished(self._manifest)
        self._made_by: dict[str, Any] = {}
        self._kept: set[RunKey] = set()

    def begin(self, study: Study, inputs: Mapping[str, Iterable[Path]]) -> None:
        """Make the directory, or see that it belongs to the same study of the same files.

        Parameters
        ----------
        study : Study
            What was asked for.
        inputs : mapping
            The files that decide what comes of it, by what they are.

        Raises
        ------
        UserError
            If it belongs to another one, or to nobody, or somebody else is writing into it.
        """
        self._made_by = provenance()
        manifest = {
            "study": study.as_json(),
            "inputs": {name: {str(file): fingerprint(file) for file in files} for name, files in inputs.items()},
            "cwd": str(Path.cwd()),
            **self._made_by,
        }
        finished = self.finished()
        self._kept = set(finished)
        if self._manifest.exists():
            before = self.manifest()
            if finished and any(isinstance(some, str) for some in before.get("inputs", {}).values()):
                raise UserError(
                    f"{self.folder} was begun by an older version of Towtank, which knew files by other fingerprints; "
                    "choose another --out or remove it"
                )
            for part in ("study", "inputs"):
                # What was begun and never finished is nobody's loss.
                if before.get(part) != manifest[part] and finished:
                    difference = _FIRST[part](before.get(part), manifest[part])
                    raise UserError(
                        f"{self.folder} holds the results of another configuration ({part}: {difference}); "
                        "choose another --out or remove it"
                    )
        elif self.folder.exists() and any(path != self._begun for path in self.folder.iterdir()):
            raise UserError(f"{self.folder} is not empty and holds no results of ours; choose another --out")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock.take()
        if not finished:
            _write_whole(self._manifest, json.dumps(manifest, indent=2) + "\n")
        self.log.mkdir(exist_ok=True)
        remove_parts(self.log)

    def end(self) -> None:
        """Let others have the directory; whoever still writes a log, lost or told to stop, writes it for nobody."""
        remove_parts(self.log)
        self._lock.release()

    def note(self, notes: Iterable[str]) -> None:
        """Keep what was assumed about the workload in ``run.json``."""
        manifest = self.manifest()
        manifest["notes"] = list(dict.fromkeys([*manifest.get("notes", ()), *notes]))
        _write_whole(self._manifest, json.dumps(manifest, indent=2) + "\n")

    def manifest(self) -> dict[str, Any]:
        """Read ``run.json``.

        Raises
        ------
        UserError
            If the folder is no results directory.
        """
        if not self._manifest.exists():
            raise UserError(f"{self.folder} is no results directory: there is no run.json in it")
        return read_manifest(self._manifest)

    def study(self) -> Study:
        """Give the study that the results are of."""
        return Study.from_json(self.manifest()["study"])

    def finished(self) -> dict[RunKey, Result]:
        """Give the results that are there."""
        if not self._summary.exists():
            return {}
        with self._summary.open(newline="", encoding="utf-8") as file:
            results = [self._result(row) for row in csv.DictReader(file)]
        explained: dict[RunKey, Any] = {}
        if self._explained.exists():
            for run in json.loads(self._explained.read_text(encoding="utf-8"))["runs"]:
                explained[RunKey(run["architecture"], run["policy"], run["seed"])] = run["explain"]
        return {result.key: replace(result, explained=explained.get(result.key, ())) for result in results}

    @staticmethod
    def _result(row: Mapping[str, str]) -> Result:
        key = RunKey(row["architecture"], row["policy"], int(row["seed"]))
        numbers = {name: _number(text) for name, text in row.items() if name not in RunKey._fields and text != ABSENT}
        cost = {name: numbers.pop(name) or 0 for name in COST}
        return Result(key, numbers, cost)

    def write_explained(self, results: Iterable[Result]) -> None:
        """Write ``explain.json``, whole or not at all."""
        runs = [{**result.key._asdict(), "explain": list(result.explained)} for result in results]
        _write_whole(self._explained, json.dumps({"runs": runs}, indent=1) + "\n")

    def write_summary(self, results: Iterable[Result]) -> None:
        """Write ``summary.csv``, whole or not at all, and into ``run.json`` the digests of what those runs wrote."""
        results = list(results)
        self._record(results)  # first: a run in the summary is not made again
        rows = [dict(zip(RunKey._fields, r.key, strict=True)) | r.metrics | r.cost for r in results]
        names = list(dict.fromkeys(name for row in rows for name in row))
        names.sort(key=COST.__contains__)
        with written_whole(self._summary) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, restval=ABSENT)
            writer.writeheader()
            writer.writerows(rows)
        self._kept = {result.key for result in results}

    def _record(self, results: Sequence[Result]) -> None:
        """Write of each run into ``run.json`` the digests of what it wrote, and what made it if that is another."""
        manifest = self.manifest()
        before = manifest.get("results", {})
        recorded: dict[str, Any] = {}
        for result in results:
            name = spelled(result.key)
            if result.key in self._kept and name in before:
                recorded[name] = before[name]
                continue
            recorded[name] = digests(result, self.log)
            others = any(manifest.get(part) != this for part, this in self._made_by.items())
            if others and result.key not in self._kept:
                recorded[name] |= {MADE_BY: self._made_by}
        manifest["results"] = recorded
        _write_whole(self._manifest, json.dumps(manifest, indent=2) + "\n")


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a ``run.json``.

    Raises
    ------
    UserError
        If there is none, or it is damaged.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is no text: {error.reason}") from None
    if not isinstance(manifest, dict):
        raise UserError(f"{path}: is no run.json")
    return manifest


def recorded_in(manifest: Mapping[str, Any], path: Path) -> dict[RunKey, dict[str, Any]]:
    """Give what a ``run.json`` says of the finished runs: the digests of what each wrote, by what it is.

    `MADE_BY` is with them where something else made a run than what began the directory.

    Raises
    ------
    UserError
        If that is no such thing.
    """
    results = manifest.get("results", {})
    try:
        return {key_of(name): dict(each) for name, each in results.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(f"{path}: its results are not as we write them: {error}") from None


#: A metric that a run does not have, unlike one whose value is unknown (an empty field).
ABSENT = "-"


def _number(text: str) -> Metric:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)


def _first_difference(before: object, now: object) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*now, *before]:
            was, this = before.get(name), now.get(name)
            if was != this:
                both = isinstance(was, dict) and isinstance(this, dict)
                return f"{name} {_first_difference(was, this)}" if both else f"{name} was {was!r}, is {this!r}"
    return f"was {before!r}, is {now!r}"


def _first_other_file(before: dict[str, dict[str, str]], now: dict[str, dict[str, str]]) -> str:
    for what, files in now.items():
        for file, this in files.items():
            if before.get(what, {}).get(file, this) != this:
                return f"{file} has changed since"
    return _first_difference(before, now)


#: How the first difference of a part of ``run.json`` is told.
_FIRST: dict[str, Callable[[Any, Any], str]] = {"study": _first_difference, "inputs": _first_other_file}


def _write_whole(path: Path, text: str) -> None:
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")
