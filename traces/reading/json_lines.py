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

    Lines are converted by Arrow, a block at a time. Where it fails, the block is taken line by line by Python's own
    `json`, so that it is the bad line alone that is named.
    """

    def __init__(self, path: Path, rejects: Rejects, fields: pa.Schema) -> None:
        self.path, self._rejects, self._fields = path, rejects, fields
        self._written = fields  # as the fields of the block before were
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
        count = block.count(b"\n") + (not block.endswith(b"\n"))
        lines = np.arange(line, line + count)
        broken: dict[int, tuple[str, str]] = {}
        table = self._at_once(block)
        if table is None or table.num_rows != count:
            texts = block.removesuffix(b"\n").split(b"\n")
            filled = [place for place, text in enumerate(texts) if text.strip()]
            lines = lines[filled]
            if table is None or table.num_rows != lines.size:
                table, broken = self._line_by_line([texts[place] for place in filled])
        if not lines.size:
            return
        self._rejects.read += lines.size
        batch = Batch(self.path, _columns(table, self._fields), lines)
        batch.bad = broken
        yield batch

    def _at_once(self, block: bytes) -> pa.Table | None:
        """Convert lines fast, or give None if any of them is not made of such fields."""
        try:
            block.decode()
        except UnicodeDecodeError:
            return None
        table = _read(block, self._written)
        if table is None:
            # Numbers may be written as such or as text, as the exporter likes: see how they are in these lines.
            found = _read(block, None)
            if found is None:
                return None
            self._written = pa.schema([_as_written(field, found.schema) for field in self._fields])
            table = _read(block, self._written)
        return table

    def _line_by_line(self, texts: list[bytes]) -> tuple[pa.Table, dict[int, tuple[str, str]]]:
        """Convert lines of which some are no rows; these stay empty and are given with the reason and their text."""
        rows: list[dict[str, Any]] = []
        broken: dict[int, tuple[str, str]] = {}
        for number, text in enumerate(texts):
            row: dict[str, Any] = {}
            try:
                value = _object(text)
                row = {field.name: _as_text(value.get(field.name), field.type, field.name) for field in self._fields}
            except _NotARowError as error:
                broken[number] = (str(error), text[:SHOWN].decode(errors="backslashreplace"))
            rows.append(row)
        return pa.Table.from_pylist(rows, schema=self._fields), broken


class _NotARowError(Exception):
    """Says why a line is no row."""


def _read(block: bytes, schema: pa.Schema | None) -> pa.Table | None:
    import pyarrow.json as pa_json  # only where it is used: it costs a start-up

    try:
        return pa_json.read_json(
            pa.py_buffer(block),
            read_options=pa_json.ReadOptions(use_threads=False, block_size=len(block) + 2),
            parse_options=pa_json.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "ignore"
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _as_written(field: pa.Field, found: pa.Schema) -> pa.Field:
    """Give a field with strings replaced by numbers where that is what they are written as."""
    place = found.get_field_index(field.name)
    return field if place < 0 else pa.field(field.name, _kind(field.type, found.field(place).type))


def _kind(wanted: pa.DataType, found: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(wanted) and pa.types.is_struct(found):
        names = {found.field(i).name: found.field(i).type for i in range(found.num_fields)}
        return pa.struct(
            [pa.field(part.name, _kind(part.type, names.get(part.name, part.type))) for part in _parts(wanted)]
        )
    if pa.types.is_list(wanted) and pa.types.is_list(found):
        return pa.list_(_kind(wanted.value_type, found.value_type))
    plain = pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_boolean(found)
    return found if pa.types.is_string(wanted) and plain else wanted


def _parts(kind: pa.DataType) -> list[pa.Field]:
    return [kind.field(i) for i in range(kind.num_fields)]


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(
            text.decode(), object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=str
        )  # numbers of any size stay as they are written
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


def _as_text(value: Any, kind: pa.DataType, name: str) -> Any:
    """Give a value with text for every number in it."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        if not isinstance(value, dict):
            raise _NotARowError(f"{name} is not an object")
        return {part.name: _as_text(value.get(part.name), part.type, f"{name}.{part.name}") for part in _parts(kind)}
    if pa.types.is_list(kind):
        if not isinstance(value, list):
            raise _NotARowError(f"{name} is not a list")
        return [_as_text(item, kind.value_type, name) for item in value]
    if isinstance(value, dict | list):
        raise _NotARowError(f"{name} is neither a text nor a number")
    text = str(value).lower() if isinstance(value, bool) else value
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates, which JSON can escape and UTF-8 has no bytes for
        raise _NotARowError(f"{name} is not a text") from None
    return text


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
