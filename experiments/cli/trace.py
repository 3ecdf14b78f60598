"""``towtank trace``: look at a workload, change one, or make one."""

from __future__ import annotations

from pathlib import Path

import click

from experiments.cli import named
from experiments.cli.changing import convert, merge, sample
from experiments.cli.fetch import fetch
from experiments.cli.kinds import Time
from experiments.cli.options import REFERENCE
from policies.errors import UserError

BAD_ROW = "Stop at a row of the trace that cannot be used, or put it aside and count it."


@click.group()
def trace() -> None:
    """Look at a workload, change one, or make one."""


for command in (convert, sample, merge, fetch):
    trace.add_command(command)


@trace.command(epilog="Example: towtank trace info google2011:data/google2011")
@click.argument("spec", type=named.TRACE, metavar="[FORMAT:]PATH")
@click.option(
    "--hosts", type=named.HOSTS, metavar="N|FILE|trace", help="Machines to compare with [default: the trace's own]."
)
@click.option("--host-cpus", type=float, default=16.0, show_default=True, help="Cores of each, with --hosts N.")
@click.option("--host-memory", default="64GiB", show_default=True, help="Memory of each, with --hosts N.")
@click.option("--on-bad-row", type=click.Choice(["stop", "skip"]), default="skip", show_default=True, help=BAD_ROW)
@click.option("--usage", is_flag=True, help="Read what containers used, too, where it is a large table of its own.")
@REFERENCE
def info(
    spec: str,
    hosts: str | None,
    host_cpus: float,
    host_memory: str,
    on_bad_row: str,
    usage: bool,
    reference_machine: str | None,
) -> None:
    """Say what is in a trace: span, counts, totals against capacity, rates, and rows that cannot be used."""
    from experiments.measures.traceinfo import describe
    from experiments.results.study import Study
    from experiments.running.machines import hosts_of
    from experiments.running.simulate import trace_of
    from traces.units import size

    study = Study(
        trace=spec, hosts=hosts, host_cpus=host_cpus, host_memory_bytes=size(host_memory), on_bad_row=on_bad_row,
        contention=usage, reference_machine=reference_machine,
    )  # fmt: skip
    opened = trace_of(study, seed=1)
    try:
        machines = hosts_of(study, opened)[0]
    except UserError:
        if hosts is not None:
            raise
        machines = None
    for line in describe(opened, machines):
        click.echo(line)


@trace.command(
    epilog="Examples: towtank trace generate default --seed 2 --out jobs.parquet; "
    "towtank trace generate --like swf:KTH-SP2-1996.swf.gz --out kth.toml --figure kth.png"
)
@click.argument("spec", type=named.GENERATED_NAME, metavar="[NAME|SPEC.toml[:key=value,…]]", required=False)
@click.option(
    "--like",
    type=named.TRACE,
    metavar="[FORMAT:]PATH",
    help="Fit the workload to this trace; --out SPEC.toml keeps its description.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of what is drawn.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Native trace, .csv or .parquet; or the description of the workload, .toml.",
)
@click.option(
    "--span", "span_s", type=Time(), metavar="TIME", help="How long jobs come [--like: as long as in the trace]."
)
@click.option(
    "--figure",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="With --like: draw original and generated.",
)
@click.option("--on-bad-row", type=click.Choice(["stop", "skip"]), default="stop", show_default=True, help=BAD_ROW)
@click.option("--usage", is_flag=True, help="With --like: fit what containers used, too (as in `trace info`).")
@REFERENCE
def generate(
    spec: str | None,
    like: str | None,
    seed: int,
    out: Path,
    span_s: float | None,
    figure: Path | None,
    on_bad_row: str,
    usage: bool,
    reference_machine: str | None,
) -> None:
    """Write a generated workload as a native trace: the jobs that come, not what runs at the beginning.

    With --like it is of the same character as a trace, without a row of it, and a table says how like it is.
    """
    from experiments.cli.generate import write_generated, write_like
    from experiments.results.study import Study
    from experiments.running.simulate import trace_of

    if (spec is None) == (like is None):
        raise UserError("trace generate: give the name of a workload or --like a trace, one of the two")
    if like is None:
        if figure is not None:
            raise UserError("--figure compares a workload with a trace: give --like")
        assert spec is not None
        write_generated(spec, seed, out, span_s)
        return
    study = Study(trace=like, on_bad_row=on_bad_row, contention=usage, reference_machine=reference_machine)
    write_like(trace_of(study, seed), seed, out, span_s, figure)
