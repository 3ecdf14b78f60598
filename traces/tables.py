"""Tables in files, CSV (plain or gzip) or Parquet, batch by batch, with the line each row stands on."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from policies.errors import UserError
from traces.rejects import Rejects

PARQUET_MAGIC = b"PAR1"
GZIP_MAGIC = b"\x1f\x8b"


class Batch:
    """Some rows of a table.

    Attributes
    ----------
    file : Path
        Where they stand.
    lines : ndarray of int, shape (n,)
        The line of each row, counted from 1 (of a Parquet file: its row, counted from 1).
    """

    def __init__(self, file: Path, columns: dict[str, pa.Array], lines: NDArray[np.int64]) -> None:
        self.file = file
        self._columns = columns
        self.lines = lines
        self.bad: dict[int, tuple[str, str]] = {}

    def __len__(self) -> int:
        return self.lines.size

    def has(self, name: str) -> bool:
        """Say whether the table has the column."""
        return name in self._columns

    def text(self, name: str, missing: str = "") -> list[str]:
        """Give a column as strings."""
        if name not in self._columns:
            return [missing] * len(self)
        return [missing if value is None else value for value in self._columns[name].cast(pa.string()).to_pylist()]

    def number(self, name: str, missing: float = np.nan) -> NDArray[np.float64]:
        """Give a column as floats, `missing` where it is empty; what is no number is marked as bad."""
        if name not in self._columns:
            return np.full(len(self), missing)
        column = self._columns[name]
        try:
            numbers = column.cast(pa.float64())
        except pa.ArrowInvalid:
            numbers = pa.array([self._one_number(name, i, text) for i, text in enumerate(column.to_pylist())])
        return np.asarray(numbers.fill_null(missing).to_numpy(zero_copy_only=False), dtype=np.float64)

    def mark(self, bad: NDArray[np.bool_], reason: str, values: NDArray[np.float64] | list[str]) -> None:
        """Mark rows as unusable, for the first reason that is found."""
        for row in bad.nonzero()[0].tolist():
            self.bad.setdefault(row, (reason, str(values[row])))

    def reject(self, rejects: Rejects) -> NDArray[np.int64]:
        """Hand the marked rows over, and give the positions of the others."""
        for row in sorted(self.bad):
            rejects.reject(self.file, int(self.lines[row]), *self.bad[row])
        good = np.ones(len(self), dtype=bool)
        good[list(self.bad)] = False
        positions: NDArray[np.int64] = good.nonzero()[0]
        return positions

    def _one_number(self, name: str, row: int, text: str | None) -> float | None:
        try:
            return None if text is None else float(text)
        except ValueError:
            self.bad.setdefault(row, (f"{name} is not a number", text or ""))
            return 0.0


class Reader:
    """Reads one table.

    Parameters
    ----------
    path : Path
        CSV, gzipped CSV or Parquet; told apart by content, not by name.
    rejects : Rejects
        Takes lines that have too few or too many fields, and counts all lines.
    names : sequence of str, optional
        The columns, where the file has no header line.
    required, optional : sequence of str
        Columns that a file with a header must and may have.
    """

    def __init__(
        self,
        path: Path,
        rejects: Rejects,
        *,
        names: Sequence[str] | None = None,
        required: Sequence[str] = (),
        optional: Sequence[str] = (),
    ) -> None:
        self.path, self._rejects, self._names = path, rejects, names
        self._required, self._optional = required, optional
        self._position: Callable[[], float] = lambda: 0.0

    def progress(self) -> float:
        """Say which share of the file was read."""
        return self._position()

    def batches(self) -> Iterator[Batch]:
        """Yield the rows.

        Raises
        ------
        UserError
            If the file is missing, damaged, or has columns missing or unknown.
        """
        try:
            with self.path.open("rb") as file:
                magic = file.read(4)
            yield from self._parquet() if magic == PARQUET_MAGIC else self._csv(magic.startswith(GZIP_MAGIC))
        except FileNotFoundError:
            raise UserError(f"{self.path}: no such file") from None
        except IsADirectoryError:
            raise UserError(f"{self.path}: is a folder, not a file") from None
        except pa.ArrowInvalid as error:
            raise UserError(f"{self.path}{self._where()}: {str(error).splitlines()[0]}") from None
        except OSError as error:
            raise UserError(f"{self.path}: damaged or cut off ({error})") from None

    def _csv(self, gzipped: bool) -> Iterator[Batch]:
        raw = pa.OSFile(str(self.path))
        size = max(raw.size(), 1)
        self._position = lambda: 1.0 if raw.closed else raw.tell() / size
        stream = pa.CompressedInputStream(raw, "gzip") if gzipped else raw
        spoilt: list[tuple[int, str, str]] = []

        def spoil(row: pa_csv.InvalidRow) -> str:
            reason = f"{row.actual_columns} fields instead of {row.expected_columns}"
            spoilt.append((row.number, reason, row.text))
            return "skip"

        # Every column is read as text and converted by us, so that a bad value can be named with its line.
        names = self._names or self._header(gzipped)
        reader = pa_csv.open_csv(
            stream,
            # One thread: only then does the reader say on which line an invalid row stands.
            read_options=pa_csv.ReadOptions(column_names=self._names, use_threads=False),
            parse_options=pa_csv.ParseOptions(invalid_row_handler=spoil, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        self._check_columns(reader.schema.names)
        line = 1 if self._names else 2
        for record in reader:
            lines = []
            broken = {number for number, _, _ in spoilt}
            while len(lines) < len(record):
                if line not in broken:
                    lines.append(line)
                line += 1
            yield from self._batch(record, np.array(lines, dtype=np.int64), spoilt)
            spoilt = [row for row in spoilt if row[0] >= line]
        for number, reason, text in spoilt:
            self._rejects.read += 1
            self._rejects.reject(self.path, number, reason, text)

    def _batch(
        self, record: pa.RecordBatch, lines: NDArray[np.int64], spoilt: list[tuple[int, str, str]]
    ) -> Iterator[Batch]:
        for number, reason, text in spoilt:
            if not lines.size or number < lines[-1]:
                self._rejects.read += 1
                self._rejects.reject(self.path, number, reason, text)
        spoilt[:] = [row for row in spoilt if lines.size and row[0] >= lines[-1]]
        columns = dict(zip(record.schema.names, record.columns, strict=True))
        # A blank line is nobody's row.
        blank = np.logical_and.reduce([pc.is_null(column).to_numpy(zero_copy_only=False) for column in record.columns])
        if blank.any():
            columns = {name: column.filter(pa.array(~blank)) for name, column in columns.items()}
            lines = lines[~blank]
        self._rejects.read += lines.size
        yield Batch(self.path, columns, lines)

    def _parquet(self) -> Iterator[Batch]:
        import pyarrow.parquet as pq  # only where it is used: it costs a tenth of a start-up

        with pq.ParquetFile(self.path) as file:
            self._check_columns(file.schema_arrow.names)
            rows = max(file.metadata.num_rows, 1)
            done = 0
            self._position = lambda: done / rows
            for record in file.iter_batches():
                columns = dict(zip(record.schema.names, record.columns, strict=True))
                self._rejects.read += len(record)
                yield Batch(self.path, columns, np.arange(done + 1, done + len(record) + 1))
                done += len(record)

    def _header(self, gzipped: bool) -> list[str]:
        import gzip

        with gzip.open(self.path) if gzipped else self.path.open("rb") as file:
            first = file.readline()
        if not first.strip():
            raise UserError(f"{self.path}: no header line")
        return [name.strip('"') for name in first.decode("utf-8", "replace").rstrip("\r\n").split(",")]

    def _check_columns(self, names: Sequence[str]) -> None:
        if self._names is not None:
            return
        known = (*self._required, *self._optional)
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise UserError(f"{self.path}: unknown column {name!r}{hint} (known: {', '.join(known)})")
            if list(names).count(name) > 1:
                raise UserError(f"{self.path}: column {name!r} is there twice")
        missing = [name for name in self._required if name not in names]
        if missing:
            raise UserError(f"{self.path}: column {missing[0]!r} is missing")

    def _where(self) -> str:
        """Find the line that is not text, for the message only."""
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    line.decode()
        except UnicodeDecodeError:
            return f":{number}"
        except OSError:
            pass
        return ""


def read_whole(path: Path, required: Sequence[str], optional: Sequence[str]) -> Batch:
    """Read a small table at once; the first bad row is an error."""
    rejects = Rejects()
    batches = list(Reader(path, rejects, required=required, optional=optional).batches())
    if not batches:
        raise UserError(f"{path}: no rows")
    names = [name for name in (*required, *optional) if batches[0].has(name)]
    columns = {name: pa.chunked_array([b._columns[name] for b in batches]).combine_chunks() for name in names}
    return Batch(path, columns, np.concatenate([batch.lines for batch in batches]))
