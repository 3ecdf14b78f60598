"""Tables in files, CSV (plain or gzip) or Parquet, batch by batch, with the line each row stands on."""

from __future__ import annotations

import codecs
import csv
import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.errors import UserError
from traces.reading.arrays import numpy_of
from traces.reading.rejects import Rejects, complaint

PARQUET_MAGIC = b"PAR1"
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
#: Where a tar archive says that it is one.
TAR_MARK = slice(257, 262)

#: How much text is converted at a time.
BLOCK_BYTES = 2**20
#: A line longer than this is no row of a table; without a limit a file without line ends would fill the memory.
LONGEST_LINE_BYTES = 2**26


class Batch:
    """Some rows of a table.

    Attributes
    ----------
    file : Path
        Where they stand.
    lines : ndarray of int, shape (n,)
        The line of each row, counted from 1 (of a Parquet file: its row, counted from 1).
    bad : dict of int to (str, str)
        Position of each row that cannot be used, with the reason and the text that is wrong. All its columns may
        be empty; `reject` tells it from the others.
    """

    def __init__(self, file: Path, columns: dict[str, pa.Array], lines: IntArray) -> None:
        self.file = file
        self.columns = columns
        self.lines = lines
        self.bad: dict[int, tuple[str, str]] = {}

    def __len__(self) -> int:
        return self.lines.size

    def has(self, name: str) -> bool:
        """Say whether the table has the column."""
        return name in self.columns

    def filled(self, name: str) -> bool:
        """Say whether the table has the column, and anything in it here."""
        return name in self.columns and self.columns[name].null_count < len(self)

    def column(self, name: str) -> pa.Array:
        """Give a column as Arrow has it, of strings; null where it is empty. Marks what has a NUL in it."""
        if name not in self.columns:
            return pa.nulls(len(self), pa.string())
        column = self.columns[name]
        if not pa.types.is_string(column.type):
            try:
                column = column.cast(pa.string())  # which imports Arrow's compute functions
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                raise UserError(f"{self.file}: column {name!r} is not text but {column.type}") from None
        self._mark_nuls(name, column)
        return column

    def _mark_nuls(self, name: str, column: pa.Array) -> None:
        """Mark what a hole in a file (a disk that was full) reads as, which no name has."""
        _, starts, data = column.buffers()
        if data is None:
            return
        # Of a part of a column only its own text.
        first, end = np.frombuffer(starts, np.int32)[[column.offset, column.offset + len(column)]].tolist()
        if b"\0" in bytes(memoryview(data)[first:end]):
            for row, value in enumerate(column.to_pylist()):
                if value and "\0" in value:
                    self.bad.setdefault(row, (f"{name} has a NUL character in it", value))

    def text(self, name: str, missing: str = "") -> list[str]:
        """Give a column as strings, `missing` where it is empty."""
        if name not in self.columns:
            return [missing] * len(self)
        try:
            values = self.column(name).to_pylist()
        except UnicodeDecodeError:
            raise UserError(f"{self.file}: column {name!r} is not text but {self.columns[name].type}") from None
        return [missing if value is None else value for value in values] if None in values else values

    def require(self, *names: str) -> None:
        """Mark rows that have nothing in one of these columns."""
        for name in names:
            column = self.column(name)
            # Where each string begins; one that is null or empty ends where it begins.
            starts = np.frombuffer(column.buffers()[1], dtype=np.int32)[column.offset :][: len(self) + 1]
            for row in (np.diff(starts) == 0).nonzero()[0].tolist():
                self.bad.setdefault(row, (f"{name} is empty", ""))

    def number(self, name: str, missing: float = np.nan) -> FloatArray:
        """Give a column as floats, `missing` where it is empty; what is no number is marked as bad."""
        if name not in self.columns:
            return np.full(len(self), missing)
        column = self.columns[name]
        if pa.types.is_float64(column.type) and not column.null_count:
            # Unlike to_numpy this does not import pandas, which takes longer than most traces take to read.
            floats: FloatArray = np.asarray(np.from_dlpack(column), dtype=np.float64)
            return floats
        try:
            numbers = column.cast(pa.float64())
        except pa.ArrowInvalid:
            numbers = pa.array([self._one_number(name, i, value) for i, value in enumerate(column.to_pylist())])
        except pa.ArrowNotImplementedError:
            raise UserError(f"{self.file}: column {name!r} is not of numbers but of {column.type}") from None
        return np.asarray(numpy_of(numbers.cast(pa.float64()).fill_null(missing)))

    def mark(self, bad: BoolArray, reason: str, values: FloatArray | list[str]) -> None:
        """Mark rows as unusable; a row keeps the first reason that was found."""
        for row in bad.nonzero()[0].tolist():
            self.bad.setdefault(row, (reason, str(values[row])))

    def good(self) -> BoolArray:
        """Say which rows are not marked."""
        good = np.ones(len(self), dtype=bool)
        good[list(self.bad)] = False
        return good

    def reject(self, rejects: Rejects) -> IntArray:
        """Hand the marked rows over, and give the positions of the others."""
        for row in sorted(self.bad):
            rejects.reject(self.file, int(self.lines[row]), *self.bad[row])
        positions: IntArray = self.good().nonzero()[0]
        rejects.accepted += positions.size
        return positions

    def refuse(self) -> None:
        """Raise for the first marked row: of a table of machines no row may be missing."""
        for row in sorted(self.bad):
            raise UserError(complaint(self.file, int(self.lines[row]), *self.bad[row]))

    def _one_number(self, name: str, row: int, value: object) -> float | None:
        try:
            # Python reads 1_000 as a number, no other reader of CSV does.
            return None if value is None else float("no" if "_" in str(value) else value)  # type: ignore[arg-type]
        except (ValueError, TypeError):
            self.bad.setdefault(row, (f"{name} is not a number", str(value)))
            return None


class Reader:
    """Reads one table.

    Parameters
    ----------
    path : Path
        CSV, gzipped CSV or Parquet; told apart by content, not by name.
    rejects : Rejects
        Counts the rows; a line that is no row comes as a marked row of its batch.
    names : sequence of str, optional
        The columns, where the file has no header line.
    required, optional : sequence of str
        Columns that a file with a header must and may have.
    numbers : sequence of str
        Columns that are best read as floats at once.
    delimiter : str
        What stands between the values of a row; where it is no comma, there may be blanks beside it.
    rewrite : callable, optional
        Given some whole lines of a text, gives as many lines that are rows of the table, or blank: nothing between
        delimiters. For formats that are not quite tables.
    """

    def __init__(
        self,
        path: Path,
        rejects: Rejects,
        *,
        names: Sequence[str] | None = None,
        required: Sequence[str] = (),
        optional: Sequence[str] = (),
        numbers: Sequence[str] = (),
        delimiter: str = ",",
        rewrite: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._numbers, self._delimiter, self._rewrite = frozenset(numbers), delimiter, rewrite
        self.path, self._rejects, self._names = path, rejects, names
        self._required, self._optional = (required, optional) if names is None else (names, ())
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
        with one_line_errors(self.path):
            magic = magic_of(self.path)
            yield from self._parquet() if magic == PARQUET_MAGIC else self._csv(magic.startswith(GZIP_MAGIC))

    def _csv(self, gzipped: bool) -> Iterator[Batch]:
        with text_stream(self.path, gzipped) as (raw, stream):
            size = max(raw.size(), 1)
            self._position = lambda: 1.0 if raw.closed else raw.tell() / size
            names, line = self._names, 1
            for block in whole_lines(self.path, stream):
                rows = block if self._rewrite is None else self._rewrite(block)
                if names is None:
                    header, _, rows = rows.partition(b"\n")
                    names, line = _header(self.path, header, self._delimiter), 2
                    self._check_columns(names)
                count = rows.count(b"\n") + (rows[-1:] not in (b"", b"\n"))
                if count:
                    yield self._batch(rows, names, line, count)
                line += count
        if names is None:
            raise UserError(f"{self.path}: no header line")

    def _batch(self, rows: bytes, names: Sequence[str], line: int, count: int) -> Batch:
        """Make a batch of `count` whole lines, the first of which is number `line`."""
        broken: dict[int, tuple[str, str]] = {}
        columns = _at_once(rows, names, self._numbers, count, self._delimiter)
        if columns is None:
            # Something in these lines is amiss: as text, what it is can be told.
            columns = _at_once(rows, names, frozenset(), count, self._delimiter)
        if columns is None:
            columns, broken = _line_by_line(rows, names, self._delimiter)
        lines = np.arange(line, line + count)
        if all(column.null_count for column in columns.values()):
            # A blank line is nobody's row, and neither are the bare commas that spreadsheets leave at the end.
            blank = np.logical_and.reduce([c.is_null().to_numpy(zero_copy_only=False) for c in columns.values()])
            blank[list(broken)] = False
            columns = {name: column.filter(pa.array(~blank)) for name, column in columns.items()}
            lines = lines[~blank]
        self._rejects.read += lines.size
        batch = Batch(self.path, columns, lines)
        batch.bad = {int(np.searchsorted(lines, line + row)): why for row, why in broken.items()}
        return batch

    def _parquet(self) -> Iterator[Batch]:
        import pyarrow.parquet as pq  # only where it is used: it costs a tenth of a start-up

        with pq.ParquetFile(self.path, pre_buffer=False) as file:  # it would hold all it has read
            self._check_columns(file.schema_arrow.names)
            rows = max(file.metadata.num_rows, 1)
            done = 0
            self._position = lambda: done / rows
            for record in file.iter_batches():
                columns = dict(zip(record.schema.names, record.columns, strict=True))
                self._rejects.read += len(record)
                yield Batch(self.path, columns, np.arange(done + 1, done + len(record) + 1))
                done += len(record)

    def _check_columns(self, names: Sequence[str]) -> None:
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


def column_names(path: Path) -> list[str]:
    """Give the names of a table's columns without reading a row.

    Raises
    ------
    UserError
        If the file is missing or no table.
    """
    with one_line_errors(path):
        magic = magic_of(path)
        if magic == PARQUET_MAGIC:
            import pyarrow.parquet as pq  # only where it is used: it costs a tenth of a start-up

            return list(pq.read_schema(path).names)
        with text_stream(path, magic.startswith(GZIP_MAGIC)) as (_, stream):
            first: bytes = next(whole_lines(path, stream), b"")
            return _header(path, first.partition(b"\n")[0])


def read_whole(path: Path, required: Sequence[str], optional: Sequence[str]) -> Batch:
    """Read a small table at once.

    Raises
    ------
    UserError
        If the file is missing, damaged or has no rows, or has columns missing or unknown.
    """
    batches = list(Reader(path, Rejects(), required=required, optional=optional).batches())
    if not any(batches):
        raise UserError(f"{path}: no rows")
    columns = {name: pa.concat_arrays([batch.columns[name] for batch in batches]) for name in batches[0].columns}
    whole = Batch(path, columns, np.concatenate([batch.lines for batch in batches]))
    before = 0
    for batch in batches:
        whole.bad.update({before + row: why for row, why in batch.bad.items()})
        before += len(batch)
    return whole


def _at_once(
    rows: bytes, names: Sequence[str], numbers: frozenset[str], count: int, delimiter: str
) -> dict[str, pa.Array] | None:
    """Convert whole lines fast, or give None if any of them is not one row or has text where a number belongs."""
    try:
        table = pa_csv.read_csv(
            pa.py_buffer(rows if rows.endswith(b"\n") else rows + b"\n"),
            read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(rows) + 2),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.float64() if name in numbers else pa.string() for name in names},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if len(table) != count:  # a quoted value went over the end of its line
        return None
    columns = {name: table[name].combine_chunks() for name in names}
    last = columns[names[-1]][-1].as_py()
    return None if isinstance(last, str) and last.endswith("\n") else columns  # a quote was not closed before the end


def _line_by_line(
    rows: bytes, names: Sequence[str], delimiter: str
) -> tuple[dict[str, pa.Array], dict[int, tuple[str, str]]]:
    """Convert lines of which some are no rows; these stay empty and are given with the reason and their text.

    A row is one line: were values with line ends in them rows too, a lost quote would swallow all lines to the next.
    """
    table: list[Sequence[str | None]] = []
    broken: dict[int, tuple[str, str]] = {}
    nothing: list[str | None] = [None] * len(names)
    for number, line in enumerate(rows.removesuffix(b"\n").split(b"\n")):
        text, reason, fields = line.decode(errors="backslashreplace").removesuffix("\r"), "", []
        try:
            line.decode()
            # With its line end, so that a quote that is still open shows: the end gets into the value.
            fields = next(csv.reader([text + "\n"], delimiter=delimiter), [])
        except UnicodeDecodeError:
            reason = "not UTF-8 text"
        except csv.Error:
            reason = "not a row of CSV"
        if fields and "\n" in fields[-1]:
            reason = "a quote is not closed on its line"
        elif fields and len(fields) != len(names):
            reason = f"{len(fields)} fields instead of {len(names)}"
        if reason:
            broken[number] = (reason, text)
        table.append([value or None for value in fields] if fields and not reason else nothing)
    columns = zip(names, zip(*table, strict=True), strict=True)
    return {name: pa.array(column, pa.string()) for name, column in columns}, broken


def whole_lines(path: Path, stream: pa.NativeFile) -> Iterator[bytes]:
    """Yield whole lines, about `BLOCK_BYTES` at a time, without the mark that some systems begin a text with."""
    rest = stream.read(len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8)
    first = True
    while piece := stream.read(BLOCK_BYTES):
        if first and _is_archive(rest + piece[: TAR_MARK.stop]):
            raise UserError(f"{path}: is an archive: unpack it first (tar -xf, unzip)")
        first = False
        head, end, tail = piece.rpartition(b"\n")
        if end:
            yield rest + head + end
            rest = tail
        else:
            rest += tail
        if len(rest) > LONGEST_LINE_BYTES:
            raise UserError(f"{path}: a line is longer than {LONGEST_LINE_BYTES >> 20} MiB: this is no table")
    if rest:
        yield rest


def _is_archive(data: bytes) -> bool:
    return data.startswith(ZIP_MAGIC) or data[TAR_MARK].startswith(b"ustar")


def _header(path: Path, line: bytes, delimiter: str = ",") -> list[str]:
    try:
        names = next(csv.reader([line.decode().removesuffix("\r")], delimiter=delimiter), [])
    except UnicodeDecodeError:
        raise UserError(f"{path}:1: not UTF-8 text") from None
    except csv.Error:
        raise UserError(f"{path}:1: not a line of CSV") from None
    if not any(name.strip() for name in names):
        raise UserError(f"{path}: no header line")
    return names if delimiter == "," else [name.strip() for name in names]


def magic_of(path: Path) -> bytes:
    """Give the first bytes of a file, which tell Parquet and gzip from text."""
    with path.open("rb") as file:
        return file.read(4)


@contextmanager
def text_stream(path: Path, gzipped: bool) -> Iterator[tuple[pa.NativeFile, pa.NativeFile]]:
    """Open a file; give the file itself, which knows the position, and its text."""
    with pa.OSFile(str(path)) as raw, pa.CompressedInputStream(raw, "gzip") if gzipped else nullcontext(raw) as stream:
        yield raw, stream


@contextmanager
def one_line_errors(path: Path) -> Iterator[None]:
    """Say in one line what is wrong with a file."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, not a file") from None
    except UnicodeDecodeError:  # in the names of columns
        raise UserError(f"{path}: damaged, what should be text is not UTF-8") from None
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: {str(error).splitlines()[0]}") from None
    except OSError as error:
        said = " ".join(str(error).split())  # which may be of several lines
        raise UserError(f"{path}: {error.strerror or f'damaged or cut off ({said})'}") from None
