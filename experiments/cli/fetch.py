"""``towtank trace fetch``: public data sets from where their publishers keep them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.cli.named import DATA_SET
from policies.errors import UserError

if TYPE_CHECKING:
    from traces.fetching import DataSet, RemoteFile
    from traces.fetching.fetch import Watch

#: Of so many files the size is asked before; of more the published size of the data set must do.
ASKED_ABOUT = 24


@click.command(epilog="Example: towtank trace fetch google2011 --only 'job_events/*' --only 'machine_events/*'")
@click.argument("name", type=DATA_SET, required=False, metavar="NAME")
@click.option("--list", "listing", is_flag=True, help="Say which data sets there are, and fetch nothing.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Where to [default: NAME]."
)
@click.option("--only", multiple=True, metavar="PATTERN", help="Only files whose names match (repeatable).")
@click.option("--yes", is_flag=True, help="Do not ask.")
def fetch(name: str | None, listing: bool, out: Path | None, only: Sequence[str], yes: bool) -> None:
    """Fetch a public data set: says address, size and licence, asks, and goes on where it was cut off."""
    from traces.fetching import CATALOGUE

    if listing:
        for each, data_set in CATALOGUE.items():
            click.echo(f"{each}: {data_set.title}; {data_set.licence}; {_size_told(data_set)}")
        return
    if name is None:
        raise UserError("fetch what? --list says which data sets there are")
    if name not in CATALOGUE:
        import difflib

        near = difflib.get_close_matches(name, CATALOGUE, 1)
        hint = f"; did you mean {near[0]!r}?" if near else " (--list says which there are)"
        raise UserError(f"no data set is called {name!r}{hint}")
    data_set = CATALOGUE[name]
    if not data_set.files:
        raise UserError(f"{name}: {data_set.note} ({data_set.page})")
    files = list(data_set.matching(only))
    if not files:
        raise UserError(
            f"--only {' '.join(only)}: no file of {name} is called so, for instance {data_set.files[0].name}"
        )
    _fetch(name, data_set, files, out or Path(name), yes)


def _fetch(name: str, data_set: DataSet, files: Sequence[RemoteFile], folder: Path, yes: bool) -> None:
    from traces.fetching import checksums, fetch_file, look, new_session, same_as_known

    session = new_session()
    sizes = {file.name: look(session, file.url).size for file in files} if len(files) <= ASKED_ABOUT else {}
    for line in _shown(data_set, files, sizes):
        click.echo(line)
    _check_room(folder, files, sizes)
    if not yes and not click.confirm(f"Fetch {_count(len(files))} into {folder}?"):
        click.echo("nothing was fetched")
        return
    published = checksums(session, data_set.checksums) if data_set.checksums else {}
    for number, file in enumerate(files, start=1):
        path, sha256 = folder / file.name, file.sha256 or published.get(file.name, "")
        size = sizes.get(file.name)
        if path.exists():
            if not same_as_known(path, size, sha256):
                raise UserError(f"{path}: is there, and is not the published file: move it away, or give another --out")
            click.echo(f"{path}: is there already")
            continue
        with _watched(f"[{number}/{len(files)}] {file.name}") as watch:
            fetched = fetch_file(session, file.url, path, size=size, sha256=sha256, watch=watch)
        if fetched.note:
            click.echo(f"  note: {fetched.note}")
        kept = f", {fetched.kept:,} were there" if fetched.kept else ""
        checked = "checksum is right" if sha256 else "no checksum is published"
        click.echo(f"{path}: {fetched.came:,} bytes came{kept}; {checked}")
    click.echo(f"Give credit: {data_set.credit}")
    if data_set.note:
        click.echo(f"Note: {data_set.note}")


def _shown(data_set: DataSet, files: Sequence[RemoteFile], sizes: dict[str, int | None]) -> Iterator[str]:
    """Say what is to be fetched, from where and on which terms."""
    yield data_set.title
    yield f"  licence: {data_set.licence}"
    yield f"  page: {data_set.page}"
    if not data_set.confirmed:
        yield f"  not confirmed: its publisher's pages do not name these addresses; they are from {data_set.source}"
    for file in files[:ASKED_ABOUT]:
        size = sizes.get(file.name)
        yield f"  {file.url}" + (f": {size:,} bytes" if size is not None else "")
    if len(files) > ASKED_ABOUT:
        yield f"  and {len(files) - ASKED_ABOUT:,} more"
    known = [size for size in sizes.values() if size is not None]
    if len(known) == len(files):
        yield f"  all: {sum(known):,} bytes"
    else:
        yield f"  size: {_size_told(data_set)}"


def _size_told(data_set: DataSet) -> str:
    if not data_set.files:
        return "no address is public"
    return f"{_count(len(data_set.files))}, {data_set.about or 'size not published'}"


def _count(files: int) -> str:
    return f"{files:,} file{'s' if files > 1 else ''}"


def _check_room(folder: Path, files: Sequence[RemoteFile], sizes: dict[str, int | None]) -> None:
    """Refuse before the first byte what there is no room for."""
    to_come = 0
    for file in files:
        path = folder / file.name
        part = path.with_name(f"{path.name}.part")
        there = part.stat().st_size if part.exists() else 0
        to_come += 0 if path.exists() else max((sizes.get(file.name) or 0) - there, 0)
    parent = folder.absolute()
    while not parent.exists():
        parent = parent.parent
    free = shutil.disk_usage(parent).free
    if to_come > free:
        raise UserError(f"{folder}: no room: {to_come:,} bytes are to come, {free:,} are free")


@contextmanager
def _watched(what: str) -> Iterator[Watch | None]:
    """Show how far a file is, on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(what), total=None)
        yield lambda there, total: bar.update(task, completed=there, total=total)
