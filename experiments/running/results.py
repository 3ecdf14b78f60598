"""A results directory: what was asked for, what came of it, and the log it came from.

``run.json``, ``summary.csv`` (one row a run), ``log/*.parquet``, ``figures/``; ``rejected.csv`` where rows of the
trace were put aside, ``explain.json`` where ``--explain`` asked how jobs were placed.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.measures.looks import Looks
from experiments.measures.statistics import Metric
from experiments.running.simulate import Result
from experiments.running.study import Detail, RunKey, Study
from policies.errors import UserError
from policies.log import Event, Levels, Row

LIBRARIES = ("simpy", "numpy", "pandas", "pyarrow", "matplotlib")
COST = ("wall_s", "cpu_s", "peak_rss_bytes")


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
        self._held: int | None = None

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
        manifest = {
            "study": study.as_json(),
            "inputs": {name: fingerprint(files) for name, files in inputs.items()},
            **provenance(),
        }
        finished = self.finished()
        if self._manifest.exists():
            before = self.manifest()
            for part in ("study", "inputs"):
                # What was begun and never finished is nobody's loss.
                if before.get(part) != manifest[part] and finished:
                    name = _first_difference(before.get(part), manifest[part])
                    raise UserError(
                        f"{self.folder} holds the results of another configuration ({part}: {name}); "
                        "choose another --out or remove it"
                    )
        elif self.folder.exists() and any(self.folder.iterdir()):
            raise UserError(f"{self.folder} is not empty and holds no results of ours; choose another --out")
        self.log.mkdir(parents=True, exist_ok=True)
        self._lock()
        if not finished:
            _write_whole(self._manifest, json.dumps(manifest, indent=2) + "\n")

    def _lock(self) -> None:
        """Have the directory to ourselves until `end`, or as long as this process lives."""
        self._held = os.open(self.log, os.O_RDONLY)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._held)
            self._held = None
            raise UserError(f"{self.folder}: another process is writing into it") from None

    def end(self) -> None:
        """Let others have the directory."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

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
        try:
            manifest: dict[str, Any] = json.loads(self._manifest.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{self.folder} is no results directory: there is no run.json in it") from None
        except json.JSONDecodeError as error:
            raise UserError(f"{self._manifest}:{error.lineno}: {error.msg}") from None
        return manifest

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
        """Write ``summary.csv``, whole or not at all."""
        rows = [dict(zip(RunKey._fields, r.key, strict=True)) | r.metrics | r.cost for r in results]
        names = list(dict.fromkeys(name for row in rows for name in row))
        names.sort(key=COST.__contains__)
        part = self._summary.with_suffix(".part")
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, restval=ABSENT)
            writer.writeheader()
            writer.writerows(rows)
        os.replace(part, self._summary)


#: A metric that a run does not have, unlike one whose value is unknown (an empty field).
ABSENT = "-"


def _number(text: str) -> Metric:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)


class LogWriter:
    """Writes the log of one run as Parquet, batch by batch.

    ``NAME.parquet`` has one row for each thing that happened, with the fields of `policies.log.Row` and a column for
    each of its levels: of a load ``cpu_allocated``, ``cpu_allocated_mean`` and ``cpu_allocated_std``;
    ``NAME.hosts.parquet`` has the loads of every host at every look.

    Parameters
    ----------
    folder : Path
        The ``log`` folder.
    key : RunKey
        Which run.
    levels : Levels
        What the levels are.
    detail : Detail
        ``tasks``: containers that start or end get one row for each host.
    """

    def __init__(self, folder: Path, key: RunKey, levels: Levels, detail: Detail) -> None:
        # Only where a log is written: these cost a tenth of the start of a run.
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pa = pa
        self._path = folder / f"{key.file_stem}.parquet"
        self._part = self._path.with_suffix(".part")
        self._loads, self._each_host = levels.loads, detail is Detail.TASKS
        names = pa.dictionary(pa.int32(), pa.string())
        self._fields = {
            "t_s": pa.float64(),
            "event": names,
            "job": pa.string(),
            "workload": names,
            "scheduler": names,
            "again": pa.bool_(),
            "attempt": pa.int32(),
            "tasks": pa.int64(),
            "conflicted": pa.int64(),
            "remaining": pa.int64(),
            "seconds": pa.float64(),
            "age_s": pa.float64(),
            "host": pa.int32(),
            "alone_s": pa.float64(),
        }
        numbers = [f"{load}{state}" for load in levels.loads for state in ("", "_mean", "_std")]
        schema = pa.schema([*self._fields.items(), *((name, pa.float64()) for name in (*numbers, *levels.others))])
        self._writer = pq.ParquetWriter(self._part, schema, compression="zstd")
        self._schema = schema
        self._looks: Looks[np.ndarray] = Looks()

    def __call__(self, rows: list[Row]) -> None:
        """Write a batch of rows."""
        kept = []
        for row in rows:
            if row.event is Event.SAMPLED:
                self._looks.take(row.t_s, row.seconds, row.where)
            elif self._each_host and row.where is not None:
                kept += [
                    row._replace(tasks=count, host=host)
                    for host, count in zip(row.where[0].tolist(), row.where[1].tolist(), strict=True)
                ]
            else:
                kept.append(row)
        if not kept:
            return
        pa = self._pa
        columns = dict(zip(Row._fields, zip(*kept, strict=True), strict=True))
        columns["event"] = tuple(Event(event).name.lower() for event in columns["event"])
        arrays = [
            pa.array(columns[name], pa.string()).dictionary_encode() if pa.types.is_dictionary(kind)
            else pa.array(columns[name], kind)
            for name, kind in self._fields.items()
        ]  # fmt: skip
        arrays += [pa.array(level) for level in np.array(columns["levels"], dtype=np.float64).T]
        self._writer.write_table(pa.table(arrays, schema=self._schema))

    def close(self) -> None:
        """End the files; only now do they get their names."""
        import pyarrow.parquet as pq

        pa = self._pa
        self._writer.close()
        columns: dict[str, Any] = {"t_s": pa.array(list(self._looks.seen), pa.float64())}
        for axis, name in enumerate(self._loads):
            loads = [load[axis] for load in self._looks.seen.values()]
            width = loads[0].size if loads else 0
            flat = pa.array(np.concatenate(loads) if loads else np.empty(0, np.float32))
            columns[name] = pa.FixedSizeListArray.from_arrays(flat, width) if width else pa.array([], pa.float32())
        hosts = self._path.with_suffix(".hosts.part")
        pq.write_table(pa.table(columns), hosts, compression="zstd")
        os.replace(hosts, self._path.with_suffix(".hosts.parquet"))
        os.replace(self._part, self._path)

    def discard(self) -> None:
        """Leave no half-written file."""
        self._writer.close()
        self._part.unlink(missing_ok=True)


def read_log(path: Path) -> Iterator[list[Row]]:
    """Read a run's log back, batch by batch; of hosts, and of levels, only what each row has of its own.

    Raises
    ------
    UserError
        If there is no such file.
    """
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    names = [name for name in Row._fields if name not in ("levels", "where")]
    with file:
        for batch in file.iter_batches(columns=names):
            rows = batch.to_pylist()
            yield [Row(**row | {"event": Event[row["event"].upper()], "levels": (), "where": None}) for row in rows]


def fingerprint(files: Iterable[Path]) -> str:
    """Give a digest of a trace's files: of each its name, its size and its first and last MiB.

    A whole month of a public trace is hundreds of gigabytes, and reading it twice to name it would be no service.
    """
    digest = hashlib.sha256()
    piece = 2**20
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(piece))
            if size > piece:
                file.seek(max(size - piece, piece))
                digest.update(file.read(piece))
    return digest.hexdigest()


def provenance() -> dict[str, Any]:
    """Say which code makes the results: versions of ours and of the libraries, and the revision of the checkout."""
    return {
        "versions": {"towtank": version("towtank"), "python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
        "git_revision": git_revision(),
    }


def version(distribution: str) -> str:
    """Give the version of an installed distribution, or say that it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def git_revision() -> str | None:
    """Give the revision of the checkout we run from, with a plus if it was changed; None outside a checkout."""
    here = Path(__file__).parent
    try:
        revision, changes = (
            subprocess.run(["git", "-C", here, *command], capture_output=True, text=True, check=True).stdout.strip()
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision + "+" * bool(changes)


def _first_difference(before: object, now: object) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in now:
            if before.get(name) != now[name]:
                return f"{name} was {before.get(name)!r}, is {now[name]!r}"
    return f"was {before!r}, is {now!r}"


def _write_whole(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
