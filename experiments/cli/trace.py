"""``towtank trace``: look at a workload, change one, or make one."""

from __future__ import annotations

from pathlib import Path

import click

from experiments.cli.changing import convert, merge, sample
from experiments.cli.fetch import fetch
from experiments.cli.options import REFERENCE
from policies.errors import UserError


@click.group()
def trace() -> None:
    """Look at a workload, change one, or make one."""


for command in (convert, sample, merge, fetch):
    trace.add_command(command)


@trace.command(epilog="Example: towtank trace info google2011:data/google2011")
@click.argument("spec", metavar="[FORMAT:]PATH")
@click.option("--hosts", metavar="N|FILE|trace", help="Machines to compare with [default: the trace's own].")
@click.option("--host-cpus", type=float, default=16.0, show_default=True)
@click.option("--host-memory", default="64GiB", show_default=True)
@click.option("--on-bad-row", type=click.Choice(["stop", "skip"]), default="skip", show_default=True)
@click.option(
    "--usage", is_flag=True, help="Read what containers used, too, where it is a large table of its own (google2011)."
)
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
    from experiments.running.machines import hosts_of
    from experiments.running.simulate import trace_of
    from experiments.running.study import Study
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


@trace.command(epilog="Example: towtank trace generate default --seed 2 --out jobs.parquet")
@click.argument("spec", metavar="NAME|SPEC.toml[:key=value,…]")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="Native trace, .csv or .parquet.",
)
def generate(spec: str, seed: int, out: Path) -> None:
    """Write a generated workload as a native trace: the jobs that come, not what runs at the beginning."""
    from traces.formats import open_trace
    from traces.formats.native import write_native
    from traces.reading.rejects import Rejects

    written = write_native(open_trace(f"generated:{spec}", Rejects(), seed).arrivals(), out)
    click.echo(f"{out}: {written.rows} rows")
    if written.averaged:
        click.echo(f"  note: in {written.averaged} of them what is used in phases became its mean over time")
