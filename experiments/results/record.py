"""A ``run.json`` as a record: what made some runs, from which files, and whether others came out the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from experiments.measures.statistics import Metric
from experiments.results.digests import EXPLAINED, METRICS, digest_of_file, digest_of_metrics
from experiments.results.directory import MADE_BY, Results, read_manifest, recorded_in
from experiments.results.logs import HOSTS, LOG, LOG_FILES, log_files
from experiments.results.provenance import fingerprint, provenance
from experiments.results.result import Result
from experiments.results.study import RunKey, Study
from policies.errors import UserError

#: Files by what they are, each with its fingerprint.
Inputs = Mapping[str, Mapping[str, str]]

#: Libraries that are recorded and decide nothing of what is compared: figures are not.
UNDECIDING = ("matplotlib",)

_DEFAULT = Study().as_json()

#: What is said of a metric that a run does not have.
_ABSENT = "absent"

#: How much of a digest is shown.
_SHOWN = 12


class Record(NamedTuple):
    """What a ``run.json`` tells.

    Attributes
    ----------
    path : Path
        Where it is.
    study : Study
        What was asked for.
    manifest : dict
        All of it.
    results : dict
        Of each finished run the digests of what it wrote; see `experiments.results.digests`.
    """

    path: Path
    study: Study
    manifest: dict[str, Any]
    results: dict[RunKey, dict[str, Any]]

    @property
    def inputs(self) -> Inputs:
        """The files that decided what came of it, by what they are, with their fingerprints."""
        inputs: Inputs = self.manifest.get("inputs", {})
        return inputs

    @property
    def kept(self) -> Results:
        """The results directory that it lies in."""
        return Results(self.path.parent)


def read_record(path: Path) -> Record:
    """Read the record of some runs.

    Parameters
    ----------
    path : Path
        A ``run.json``, or the results directory that it is in.

    Raises
    ------
    UserError
        If it is none, damaged, or of nothing that can be made again.
    """
    if path.is_dir():
        # Says so if it is no results directory.
        manifest, path = Results(path).manifest(), path / "run.json"
    else:
        manifest = read_manifest(path)
    if "validation" in manifest:
        tank = path.parent / "tank"
        raise UserError(
            f"{path}: is of a validation, and the sea is never the same twice; `towtank rerun {tank}` is of its tank"
        )
    if "experiment" in manifest:
        raise UserError(
            f"{path}: is of an experiment: `{_experiment_command(manifest)}` makes it again, into the same tables"
        )
    asked = manifest.get("study")
    if not isinstance(asked, dict) or "detail" not in asked:
        raise UserError(f"{path}: does not say what was run: it has no study as `towtank run --out` writes it")
    for name, value in asked.items():
        if name not in _DEFAULT:
            raise UserError(f"{path}: its study says {name!r}, of which this version of Towtank knows nothing")
        if not _may_be(_DEFAULT[name], value):
            raise UserError(f"{path}: its study says that {name} is {value!r}, which it cannot be")
    inputs = manifest.get("inputs", {})
    if not isinstance(inputs, dict) or not all(isinstance(files, dict) for files in inputs.values()):
        raise UserError(
            f"{path}: does not name each file that the runs were made of: it was written by an older version"
        )
    try:
        study = Study.from_json(asked)
    except ValueError as error:
        raise UserError(f"{path}: its study cannot be read: {error}") from None
    return Record(path, study, manifest, recorded_in(manifest, path))


def _may_be(default: Any, value: Any) -> bool:
    """Say whether a value is of the kind that the default of a study's entry is."""
    if default is None:
        return True
    if isinstance(default, float):  # decision times may be one for each workload class
        return isinstance(value, int | float | dict)
    return isinstance(value, type(default))


def _experiment_command(manifest: Mapping[str, Any]) -> str:
    import shlex

    words = ["towtank", "experiment", "run", str(manifest["experiment"])]
    words += ["--scale", str(manifest.get("scale", "small"))]
    if manifest.get("seeds"):
        words += ["--seeds", ",".join(map(str, manifest["seeds"]))]
    if manifest.get("trace"):
        words += ["--trace", manifest["trace"]]
    for policy in manifest.get("policies") or ():
        words += ["--policy", policy]
    return shlex.join(words)


# -- what made them -----------------------------------------------------------------------------------------------


def others(record: Record, keys: Iterable[RunKey]) -> list[str]:
    """Say what of what makes results here is another than what made those runs, each in a few words."""
    now = provenance()
    told: dict[str, None] = {}
    for key in keys:
        made_by = record.results[key].get(MADE_BY, record.manifest)
        told |= dict.fromkeys(_others(made_by, now))
    return list(told)


def _others(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for part in ("versions", "platform"):
        then = before.get(part) or {}
        for name in dict.fromkeys([*now[part], *then]):
            was, this = then.get(name, "not recorded"), now[part].get(name, "not there")
            if was != this and name not in UNDECIDING:
                yield f"{name} was {was or 'unknown'}, is {this or 'unknown'}"
    if before.get("code_digest") != now["code_digest"]:
        was, this = (f"{str(of.get('code_digest'))[:_SHOWN]}{_revision(of)}" for of in (before, now))
        yield f"Towtank's sources were {was}, are {this}"


def _revision(of: Mapping[str, Any]) -> str:
    revision = of.get("git_revision")
    if not revision:
        return ""
    return f" (git revision {revision[:_SHOWN]}{'+, changed since' if revision.endswith('+') else ''})"


def check_inputs(before: Inputs, now: Inputs) -> None:
    """See that the files are those that the runs were made of.

    Raises
    ------
    UserError
        Naming the first that is another one, is missing, or was not there.
    """
    for name in [*before, *now]:
        then, these = before.get(name, {}), now.get(name, {})
        for file in [*then, *these]:
            if file not in these:
                raise UserError(f"{file}: is missing ({name}), and the runs were made of it")
            if file not in then:
                raise UserError(f"{file}: was not there when the runs were made, and would be read now ({name})")
            if then[file] != these[file]:
                raise UserError(
                    f"{file}: is not the file that the runs were made of ({name}): its fingerprint was "
                    f"{then[file][:_SHOWN]}, is {these[file][:_SHOWN]}"
                )


def are_here(files: Mapping[str, str], folder: Path) -> bool:
    """Say whether files are in a folder, as they were."""
    return all((folder / file).is_file() and fingerprint(folder / file) == was for file, was in files.items())


# -- what came of them --------------------------------------------------------------------------------------------


class Comparison(NamedTuple):
    """What came of comparing runs with their record.

    Attributes
    ----------
    runs : int
        How many were compared.
    files : int
        How many files of their logs.
    differences : dict
        Of each run that came out otherwise, in what, a line each.
    """

    runs: int
    files: int
    differences: dict[RunKey, list[str]]


def compared(record: Record, keys: Iterable[RunKey], results: Iterable[Result], folder: Path) -> Comparison:
    """Compare runs with the record of the same runs.

    Parameters
    ----------
    record : Record
        What was recorded.
    keys : iterable of RunKey
        Which runs.
    results : iterable of Result
        What they came to now.
    folder : Path
        The results directory that they were made into.
    """
    kept, made = _kept(record), {result.key: result for result in results}
    fresh = read_record(folder).results
    differences: dict[RunKey, list[str]] = {}
    runs = files = 0
    for key in keys:
        runs += 1
        if key not in made:
            differences[key] = ["could not be made again"]
            continue
        before, now = (_parts(one[key]) for one in (record.results, fresh))
        files += len(LOG_FILES & before.keys() & now.keys())
        told = [
            _difference(record, kept, made[key], folder, part)
            for part in dict.fromkeys([*before, *now])
            if before.get(part) != now.get(part)
        ]
        if key in kept and digest_of_metrics(kept[key].metrics) != before.get(METRICS):
            told.append("summary.csv beside run.json has other metrics than those that were written")
        if told:
            differences[key] = told
    return Comparison(runs, files, differences)


def _parts(recorded: Mapping[str, Any]) -> dict[str, Any]:
    return {part: digest for part, digest in recorded.items() if part != MADE_BY}


def _kept(record: Record) -> dict[RunKey, Result]:
    """Give the results that lie beside the record, if there are such; it may have been sent alone."""
    return record.kept.finished() if record.path.name == "run.json" else {}


def _difference(record: Record, kept: Mapping[RunKey, Result], result: Result, folder: Path, part: str) -> str:
    """Say in what a part of a run is another one, as far as what was kept says it."""
    key = result.key
    if part == METRICS:
        before = kept[key].metrics if key in kept else {}
        if digest_of_metrics(before) != record.results[key].get(METRICS):
            return "its metrics are others; no summary.csv of then says which"
        return _in_metrics(before, result.metrics)
    if part == EXPLAINED:
        return "what --explain tells is another"
    old, new = (log_files(where, key)[part] for where in (record.kept.log, folder / "log"))
    name = f"log/{new.name}"
    if not new.exists():
        return f"{name} was written, and is not now"
    if part not in record.results[key]:
        return f"{name} was not written, and is now"
    if not old.exists() or digest_of_file(old) != record.results[key][part]:
        return f"{name} is another; that of then is not there to say in what"
    return f"{name}: {_FIRST_DIFFERENCE[part](record.path.parent, folder, key)}"


def _in_metrics(before: Mapping[str, Metric], now: Mapping[str, Metric]) -> str:
    """Say which metric differs first, and how many others do."""
    unlike = [
        name
        for name in dict.fromkeys([*now, *before])
        # Unlike with ==, what is no number is equal to itself, and 1 is not 1.0.
        if json.dumps(before.get(name, _ABSENT)) != json.dumps(now.get(name, _ABSENT))
    ]
    name, *more = unlike
    also = f"; {len(more)} other metric{'s differ' if len(more) > 1 else ' differs'}" if more else ""
    return f"{name} was {before.get(name, _ABSENT)}, is {now.get(name, _ABSENT)}{also}"


def _in_rows(before: Path, now: Path, key: RunKey) -> str:
    """Say in which row two logs differ first."""
    from experiments.results.frames import Frames

    old, new = Frames(before), Frames(now)
    columns = old.columns(key)
    if columns != new.columns(key):
        return f"its columns were {', '.join(columns)}, are {', '.join(new.columns(key))}"
    first: tuple[int, str] | None = None
    # Column by column: a log may be larger than what two of it in memory leave room for.
    for name in columns:
        was, this = (frames.log(key, [name])[name] for frames in (old, new))
        for row, (one, other) in enumerate(zip(was, this, strict=False)):
            if one != other and not (one != one and other != other):
                if first is None or row < first[0]:
                    first = row, f"row {row + 1}: {name} was {one}, is {other}"
                break
    if first is not None:
        return first[1]
    if len(was) != len(this):
        return f"had {len(was)} rows, has {len(this)}"
    return "the same rows, written in other bytes"


def _in_loads(before: Path, now: Path, key: RunKey) -> str:
    """Say at which look the loads of hosts differ first."""
    import numpy as np

    from experiments.results.frames import Frames

    old, new = (Frames(folder).hosts(key) for folder in (before, now))
    if old.loads.keys() != new.loads.keys() or not np.array_equal(old.t_s, new.t_s):
        return "hosts were looked at at other times"
    for name, was in old.loads.items():
        this = new.loads[name]
        if was.shape != this.shape:
            return f"there were {was.shape[1]} hosts, are {this.shape[1]}"
        unlike = np.argwhere(~np.isclose(was, this, rtol=0, atol=0, equal_nan=True))
        if unlike.size:
            look, host = unlike[0]
            return f"{name} of host {host} at {old.t_s[look]:g} s was {was[look, host]:g}, is {this[look, host]:g}"
    return "the same loads, written in other bytes"


_FIRST_DIFFERENCE: dict[str, Callable[[Path, Path, RunKey], str]] = {LOG: _in_rows, HOSTS: _in_loads}
