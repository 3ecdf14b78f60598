"""``towtank trace convert``, ``sample`` and ``merge``: traces made of others, as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from experiments.cli.bar import Bar
from experiments.cli.kinds import Time
from experiments.cli.named import TRACE
from experiments.cli.options import REFERENCE, Group, grouped

if TYPE_CHECKING:
    from traces.trace import Trace

OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Native trace, .csv, .csv.gz or .parquet. Beside it FILE.origin.json says where all of it came from; "
    "FILE.hosts.csv and FILE.prefill.csv are there if the trace has them, FILE.rows.parquet if it was changed.",
)

#: How the traces are read, and where what comes of them goes.
READING: Group = (
    OUT,
    click.option(
        "--rejects",
        "reject_file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Where rows that cannot be used are put (CSV), with --on-bad-row skip.",
    ),
    click.option(
        "--on-bad-row",
        type=click.Choice(["stop", "skip"]),
        default="stop",
        show_default=True,
        help="Stop at a row that cannot be used, or put it aside and count it.",
    ),
    REFERENCE,
    click.option("--usage", is_flag=True, help="Read what containers used, too, where it is a large table of its own."),
)


@click.command(epilog="Example: towtank trace convert google2011:data/google2011 --out google.parquet")
@click.argument("spec", type=TRACE, metavar="[FORMAT:]PATH")
@grouped(READING)
def convert(spec: str, out: Path, reject_file: Path | None, **reading: Any) -> None:
    """Write a trace of any format as a native one, with its machines and what runs at the beginning.

    FILE is for --trace, FILE.hosts.csv for --hosts and FILE.prefill.csv for --prefill of `towtank run`.
    """
    _write(_open(spec, 1, reject_file, **reading), out, [spec], reading)


@click.command(
    epilog="Example: towtank trace sample alibaba_gpu2023:data/openb --from 10d --to 11d --share 0.5 --out day.parquet"
)
@click.argument("spec", type=TRACE, metavar="[FORMAT:]PATH")
@click.option("--from", "from_s", type=Time(), metavar="TIME", help="Cut: what is submitted from then on [0].")
@click.option("--to", "to_s", type=Time(), metavar="TIME", help="Cut: what is submitted before then [no end].")
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="X",
    help="Keep this share of the jobs; no job is split, and no workflow that has a name.",
)
@click.option("--scale-hosts", is_flag=True, help="Keep this share of the hosts, too [all: the load shrinks].")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="X",
    help="Divide submission times by X: more or fewer jobs in a time, which run as long as they did.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    metavar="X",
    help="Divide all times by X: submissions, run times, what happens to hosts.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the share that is kept.")
@grouped(READING)
def sample(
    spec: str,
    from_s: float | None,
    to_s: float | None,
    share: float | None,
    scale_hosts: bool,
    rate: float | None,
    speed: float | None,
    seed: int,
    out: Path,
    reject_file: Path | None,
    **reading: Any,
) -> None:
    """Cut, thin and stretch a trace, in this order: --from and --to, --share, --rate, --speed.

    A part that is cut out begins at time 0, and what ran then runs from the beginning.
    """
    from math import inf

    from traces.changed.denser import Denser
    from traces.changed.faster import Faster
    from traces.changed.thinned import Thinned
    from traces.changed.window import Window

    if {from_s, to_s, share, rate, speed} == {None}:
        raise click.UsageError("nothing to do: give --from, --to, --share, --rate or --speed")
    if scale_hosts and share is None:
        raise click.UsageError("--scale-hosts is for --share")
    trace = _open(spec, seed, reject_file, **reading)
    try:
        if from_s is not None or to_s is not None:
            trace = Window(trace, from_s or 0.0, inf if to_s is None else to_s)
        if share is not None:
            trace = Thinned(trace, share, seed, hosts=scale_hosts)
        if rate is not None:
            trace = Denser(trace, rate)
        if speed is not None:
            trace = Faster(trace, speed)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    asked = {
        "from_s": from_s, "to_s": to_s, "share": share, "scale_hosts": scale_hosts, "rate": rate, "speed": speed,
        "seed": seed,
    }  # fmt: skip
    _write(trace, out, [spec], asked | reading)


@click.command(epilog="Example: towtank trace merge bitbrains:data/rnd swf:data/sdsc.swf.gz --out both.parquet")
@click.argument("specs", type=TRACE, metavar="[FORMAT:]PATH [FORMAT:]PATH…", nargs=-1, required=True)
@click.option(
    "--hosts",
    "whose",
    type=click.Choice(["all", "first"]),
    default="all",
    show_default=True,
    help="Whose machines there are: those of all traces, or of the first alone.",
)
@grouped(READING)
def merge(specs: tuple[str, ...], whose: str, out: Path, reject_file: Path | None, **reading: Any) -> None:
    """Put two or more traces on one clock, each from its own time 0.

    Names of jobs, workflows, users and hosts of the first begin with 1/, of the second with 2/. Rows of the first that
    cannot be used go to 1-FILE of --rejects FILE, and so on.
    """
    from traces.changed.merged import Merged

    if len(specs) < 2:
        raise click.UsageError("there is nothing to merge: give two traces or more")
    traces = []
    for number, spec in enumerate(specs, start=1):
        aside = None if reject_file is None else reject_file.with_name(f"{number}-{reject_file.name}")
        traces.append(_open(spec, 1, aside, **reading))
    _write(Merged(*traces, hosts=whose), out, specs, {"hosts": whose} | reading)


def _open(
    spec: str,
    seed: int,
    reject_file: Path | None,
    *,
    on_bad_row: str,
    reference_machine: str | None,
    usage: bool,
) -> Trace:
    from traces.formats import open_trace
    from traces.reading.options import ReadOptions
    from traces.reading.reference import reference_named
    from traces.reading.rejects import OnBadRow, Rejects

    reference = None if reference_machine is None else reference_named(reference_machine)
    return open_trace(spec, Rejects(OnBadRow(on_bad_row), reject_file), seed, ReadOptions(usage, reference))


def _write(trace: Trace, out: Path, specs: list[str] | tuple[str, ...], options: dict[str, Any]) -> None:
    from experiments.running.converting import convert

    with Bar("read") as progress:
        done = convert(trace, out, specs, options, progress)
    written, rejects = done.written, trace.rejects
    click.echo(
        f"{out}: {written.rows:,} rows, {written.jobs:,} jobs, {written.containers:,} containers; "
        f"{rejects.read:,} rows read, {rejects.accepted:,} accepted, {rejects.rejected:,} rejected"
    )
    for file in done.files[1:]:
        click.echo(f"  with {file}")
    for note in done.notes:
        click.echo(f"  note: {note}")
