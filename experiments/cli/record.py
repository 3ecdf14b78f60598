"""``towtank record``: what runs on Docker hosts, as a trace."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.cli.kinds import Time
from experiments.cli.named import FILE
from policies.errors import UserError

if TYPE_CHECKING:
    from real.watching.record import Recording
    from traces.inventory import HostEntry

EXAMPLE = """
\b
Examples:
  towtank record hosts.toml --for 1h --out recorded.csv --hosts-out hosts.csv
  towtank run --trace recorded.csv --hosts hosts.csv --until 1h --policy spread --policy binpack
"""


@click.command(epilog=EXAMPLE)
@click.argument("inventory", type=FILE, required=False)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE",
    help="Native trace, .csv, .csv.gz or .parquet.",
)  # fmt: skip
@click.option("--for", "for_s", type=Time(), metavar="TIME", help="How long [default: until Ctrl-C or SIGTERM].")
@click.option("--label", "labels", multiple=True, metavar="KEY[=VALUE]", help="Only containers with all of these.")
@click.option(
    "--hosts-out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="The hosts, as --hosts of `towtank run` reads them (.csv), or as an inventory (.toml).",
)  # fmt: skip
@click.option("--recover", is_flag=True, help="Make the trace of what a recording that was killed has left.")
def record(
    inventory: str | None,
    out: Path,
    for_s: float | None,
    labels: tuple[str, ...],
    hosts_out: Path | None,
    recover: bool,
) -> None:
    """Record what runs on Docker hosts as a trace that `towtank run` replays.

    INVENTORY is a TOML file with a table [[host]] for each host, or addresses and contexts separated by commas.

    Run times are as they were, neighbours included: replay without --contention. Containers that still run at the
    end have no end in the trace (duration inf), those that run at the beginning are submitted at 0. Beside FILE lies
    FILE.journal while it records; after a kill -9, --recover makes the trace of it.
    """
    from traces.formats.native import SUFFIXES

    journal = out.with_name(f"{out.name}.journal")
    if not out.name.endswith(SUFFIXES):
        raise UserError(f"{out}: cannot tell the format from the name; it ends in {', '.join(SUFFIXES)}")
    if hosts_out is not None and hosts_out.suffix not in (".csv", ".toml"):
        raise UserError(f"{hosts_out}: hosts are written as .csv or .toml")
    if recover:
        from real.watching.record import recovered

        _write(recovered(journal), out, journal)
        return
    if inventory is None:
        raise click.UsageError("Missing argument 'INVENTORY'.")
    if journal.exists():
        raise UserError(f"{journal}: a recording that was cut off; --recover makes a trace of it, or remove it")
    from real.engine import EngineError
    from traces.inventory import entries_named

    entries = entries_named(inventory)
    try:
        if hosts_out is not None:
            _write_hosts(entries, hosts_out)
        recording = _record(entries, labels, journal, for_s)
    except EngineError as error:
        raise UserError(str(error)) from None
    _write(recording, out, journal)


def _record(entries: list[HostEntry], labels: tuple[str, ...], journal: Path, for_s: float | None) -> Recording:
    """Watch until it is time, or somebody says so."""
    from real.watching.record import Recorder

    ending = threading.Event()
    recorder = Recorder(entries, labels, journal, lambda line: click.echo(f"towtank: {line}", err=True))
    before = {sign: signal.signal(sign, lambda *_: ending.set()) for sign in (signal.SIGINT, signal.SIGTERM)}
    try:
        try:
            recorder.start()
        except Exception:
            journal.unlink(missing_ok=True)
            raise
        span = "until Ctrl-C" if for_s is None else f"for {for_s:g} s"
        click.echo(f"recording {len(entries)} hosts, {recorder.running} containers run there, {span}", err=True)
        ends_s = None if for_s is None else time.monotonic() + for_s
        # In short waits, for a signal to be heard on every platform.
        while not ending.wait(0.5 if ends_s is None else min(0.5, max(0.0, ends_s - time.monotonic()))):
            if ends_s is not None and time.monotonic() >= ends_s:
                break
        return recorder.finish()
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def _write(recording: Recording, out: Path, journal: Path) -> None:
    """Write the trace; the journal goes only once that is done."""
    from traces.formats.native import write_native

    written = write_native(recording.arrivals, out)
    journal.unlink(missing_ok=True)
    click.echo(
        f"{out}: {written.rows} rows, {len(recording.arrivals)} submissions, {recording.containers} containers"
        f" in {recording.span_s:.0f} s"
    )
    for note in recording.notes:
        click.echo(f"  note: {note}")


def _write_hosts(entries: list[HostEntry], path: Path) -> None:
    """Write how big the hosts are: what the inventory allows, or else what their Engines report."""
    import csv
    from urllib.parse import quote

    from real.watching.hosts import described, on_each
    from traces.inventory import as_toml

    full = []
    for answer in on_each(entries, described):
        if isinstance(answer, Exception):
            raise answer
        full.append(answer)
    if path.suffix == ".toml":
        path.write_text(as_toml(full), encoding="utf-8")
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("host", "cpus", "memory_bytes", "disk_class", "net_bps", "labels"))
        for entry in full:
            labels = " ".join(f"{quote(key)}={quote(value)}" for key, value in entry.labels.items())
            writer.writerow((entry.name, entry.cpus, entry.memory_bytes, entry.disk, entry.net_bps, labels))
