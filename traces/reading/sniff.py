"""Looks into files, to recognise what they are: nothing complains, but where one of several must be chosen."""

from __future__ import annotations

import csv
import re
import zlib
from collections.abc import Callable
from pathlib import Path

from policies.errors import UserError
from traces.reading.tables import GZIP_MAGIC, PARQUET_MAGIC

#: How much of a file is looked at.
LOOK_BYTES = 2**16


def head(path: Path) -> str:
    """Give the beginning of a text, gzipped or plain; nothing of what is no text."""
    try:
        with path.open("rb") as file:
            data = file.read(LOOK_BYTES)
    except OSError:
        return ""
    if data.startswith(GZIP_MAGIC):
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, LOOK_BYTES)
        except zlib.error:
            return ""
    # The last character may be cut in two.
    text = data.decode(errors="ignore" if len(data) >= LOOK_BYTES else "replace")
    return "" if data.startswith(PARQUET_MAGIC) or "\0" in text or "\ufffd" in text else text.removeprefix("\ufeff")


def first_rows(path: Path, n: int = 20, delimiter: str = ",") -> list[list[str]]:
    """Give the first rows of a table of text, without its last one where it is cut."""
    text = head(path)
    lines = text.splitlines()
    if len(text) >= LOOK_BYTES // 2:
        lines = lines[:-1]
    try:
        return list(csv.reader(lines[:n], delimiter=delimiter))
    except csv.Error:
        return []


def parts(path: Path, table: str, suffixes: str = "csv") -> list[Path]:
    """Find the files of a table: itself if it is a file, or in a folder those that are named after it.

    Parameters
    ----------
    path : Path
        A file, or a folder with ``TABLE.csv``, ``TABLE-00000.csv.gz``, ``TABLE_1.csv`` and the like, or with a folder
        TABLE of files of any name.
    table : str
        Name of the table.
    suffixes : str
        Which endings count, a regular expression; a ``.gz`` behind them always does.

    Returns
    -------
    list of Path
        In order of their numbers (2 before 10), then of name.
    """
    if path.is_file():
        return [path]
    ending = rf"\.(?:{suffixes})(?:\.gz)?"
    beside = re.compile(rf"{re.escape(table)}(?:[-_.]?\d[-_.\dof]*)?{ending}")
    inside = re.compile(rf".+{ending}")
    found = [file for file in _files(path) if beside.fullmatch(file.name)]
    found += [file for file in _files(path / table) if inside.fullmatch(file.name)]
    return sorted(found, key=_by_number)


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []


def _by_number(path: Path) -> tuple[list[int], str]:
    return [int(digits) for digits in re.findall(r"\d+", path.name)], path.name


def the_one(path: Path, recognised: Callable[[Path], bool], what: str) -> Path:
    """Give a file, or the only one in a folder that is recognised.

    Parameters
    ----------
    path : Path
        The file or folder.
    recognised : callable
        Says whether a file is such a one.
    what : str
        What it is called in messages.

    Raises
    ------
    UserError
        If there is none in the folder, or more than one.
    """
    if not path.is_dir():
        return path
    found = [file for file in sorted(_files(path)) if recognised(file)]
    if len(found) != 1:
        several = f"several ({', '.join(file.name for file in found[:3])}{', …' if len(found) > 3 else ''}): name one"
        raise UserError(f"{path}: has {several if found else f'no {what}'}")
    return found[0]
