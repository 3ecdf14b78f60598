"""Tables of JSON lines, one object a line, plain or gzip, batch by batch, with the line each row stands on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from traces.reading.rejects import Rejects
from traces.reading.tables import GZIP_MAGIC, Batch, magic_of, one_line_errors, text_stream, whole_lines

#: What a bad line is told by in a complaint and in the file of rejected rows: all of it up to so many characters.
SHOWN = 1000


class JsonLines:
    """Reads one table of JSON lines.

    Parameters
    ----------
    path : Path
        Plain or gzipped text; told apart by content.
    rejects : Rejects
        Counts the rows; a line that is no object of such fields comes as a marked row of its batch.
    fields : pyarrow.Schema
        The fields that are wanted, all of strings, structures of strings, or lists of either. Numbers and truths are
        taken for them, whether they are written as such or as text. A field that a line lacks is null; other fields
        are passed over.

    Notes
    -----
    The fields of a structure become columns of their own, ``capacity.cpus``; a list stays one column. A blank line is
    nobody's row.

    Lines are read one by one by Python's own `json`. Arrow has a faster reader of JSON lines, but it ends the process
    (a segmentation fault) on some lines that are damaged.
    """

    def __init__(self, path: Path, rejects: Rejects, fields: pa.Schema) -> None:
        self.path, self._rejects, self._fields = path, rejects, fields
        self._convert = [(field.name, _converter(field.type, field.name)) for field in fields]
        self._position: Callable[[], float] = lambda: 0.0

    def progress(self) -> float:
        """Say which share of the file was read."""
        return self._position()

    def batches(self) -> Iterator[Batch]:
        """Yield the rows.

        Raises
        ------
        UserError
            If the file is missing, damaged, or has a line that is longer than any row.
        """
        with (
            one_line_errors(self.path),
            text_stream(self.path, magic_of(self.path).startswith(GZIP_MAGIC)) as (raw, stream),
        ):
            size = max(raw.size(), 1)
            self._position = lambda: 1.0 if raw.closed else raw.tell() / size
            line = 1
            for block in whole_lines(self.path, stream):
                yield from self._batch(block, line)
                line += block.count(b"\n")

    def _batch(self, block: bytes, line: int) -> Iterator[Batch]:
        """Make a batch of whole lines, the first of which is number `line`; none if all are blank."""
        texts = block.removesuffix(b"\n").split(b"\n")
        filled = [place for place, text in enumerate(texts) if text.strip()]
        if not filled:
            return
        table, broken = self._line_by_line([texts[place] for place in filled])
        self._rejects.read += len(filled)
        batch = Batch(self.path, _columns(table, self._fields), line + np.array(filled))
        batch.bad = broken
        yield batch

    def _line_by_line(self, texts: list[bytes]) -> tuple[pa.Table, dict[int, tuple[str, str]]]:
        """Convert lines of which some are no rows; these stay empty and are given with the reason and their text."""
        rows: list[dict[str, Any]] = []
        broken: dict[int, tuple[str, str]] = {}
        for number, text in enumerate(texts):
            row: dict[str, Any] = {}
            try:
                value = _object(text)
                row = {name: convert(value.get(name)) for name, convert in self._convert}
            except _NotARowError as error:
                broken[number] = (str(error), text[:SHOWN].decode(errors="backslashreplace"))
            rows.append(row)
        return pa.Table.from_pylist(rows, schema=self._fields), broken


class _NotARowError(Exception):
    """Says why a line is no row."""


def _parts(kind: pa.DataType) -> list[pa.Field]:
    return [kind.field(i) for i in range(kind.num_fields)]


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = _DECODER.decode(text.decode())
    except UnicodeDecodeError:
        raise _NotARowError("not UTF-8 text") from None
    except (ValueError, RecursionError):
        raise _NotARowError("not a line of JSON") from None
    if not isinstance(value, dict):
        raise _NotARowError("not a JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _NotARowError("a field is there twice")
    return value


#: Numbers of any size stay as they are written. Made once, for `json.loads` would make one for each line.
_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=str)


def _converter(kind: pa.DataType, name: str) -> Callable[[Any], Any]:
    """Make what checks a value of a field and gives it with text for every number in it."""
    if pa.types.is_struct(kind):
        parts = [(part.name, _converter(part.type, f"{name}.{part.name}")) for part in _parts(kind)]

        def structure(value: Any) -> Any:
            if value is None:
                return None
            if not isinstance(value, dict):
                raise _NotARowError(f"{name} is not an object")
            return {part: convert(value.get(part)) for part, convert in parts}

        return structure
    if pa.types.is_list(kind):
        convert = _converter(kind.value_type, name)

        def several(value: Any) -> Any:
            if value is None:
                return None
            if not isinstance(value, list):
                raise _NotARowError(f"{name} is not a list")
            return list(map(convert, value))

        return several

    def plain(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, dict | list):
            raise _NotARowError(f"{name} is neither a text nor a number")
        text: str = str(value).lower() if isinstance(value, bool) else value
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:  # half of a pair of surrogates, which JSON can escape and UTF-8 has no bytes for
                raise _NotARowError(f"{name} is not a text") from None
        return text

    return plain


def _columns(table: pa.Table, fields: pa.Schema) -> dict[str, pa.Array]:
    """Take structures apart, and give every field that is wanted."""
    columns: dict[str, pa.Array] = {}
    for field in fields:
        columns |= flat(field.name, table[field.name].combine_chunks())
    return columns


def flat(name: str, column: pa.Array) -> dict[str, pa.Array]:
    """Give a column as it is, or if it is of structures a column for each of their fields.

    Examples
    --------
    >>> flat("size", pa.array([{"cpus": 1.5}, None]))["size.cpus"].to_pylist()
    [1.5, None]
    """
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if not pa.types.is_struct(column.type):
        return {name: column}
    columns: dict[str, pa.Array] = {}
    # Unlike `field`, `flatten` makes the fields of a null null.
    for part, values in zip(_parts(column.type), column.flatten(), strict=True):
        columns |= flat(f"{name}.{part.name}", values)
    return columns
