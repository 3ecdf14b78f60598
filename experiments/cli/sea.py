"""Before anything is started on Docker hosts: what would be done, and whether that is wanted."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.results.study import Study
from policies.errors import UserError

if TYPE_CHECKING:
    from policies.log import Row
    from real.running.survey import Surveyed

#: Jobs of a dry run whose hosts are printed.
SHOWN = 50


def check_at_sea(study: Study) -> None:
    """Refuse what cannot be had on Docker hosts, before any is asked."""
    from experiments.running import choices
    from experiments.running.at_sea import entries_of
    from real.running import flags

    default = Study()
    for name in ("hosts", "host_net_bps", "start_s", "start_cpu_s", "interference", "wake_up_s"):
        if getattr(study, name) != getattr(default, name):
            option = {"start_s": "start-time", "start_cpu_s": "start-work", "wake_up_s": "wake-up"}.get(name, name)
            raise UserError(
                f"--{option.removesuffix('_bps').replace('_', '-')} is for the tank: Docker hosts are what they are"
            )
    flags.check(choices.isolation(study.isolation))
    entries_of(study)


def wanted(study: Study, yes: bool) -> bool:
    """Say whether containers may be started on the study's hosts: where one is not this machine, somebody must agree.

    Raises
    ------
    UserError
        If nobody can be asked, or a host cannot be reached.
    """
    from experiments.running.at_sea import entries_of

    if yes or all(entry.is_local for entry in entries_of(study)):
        return True
    show_hosts(look(study))
    click.echo(f"{len(list(study.runs()))} runs of {study.trace} will start containers there, within what is free.")
    if not sys.stdin.isatty():
        raise UserError("some hosts are not this machine: say --yes to start containers there, or --dry-run")
    return click.confirm("Start?")


def look(study: Study) -> list[Surveyed]:
    """Look at the hosts of a study, and change nothing."""
    from experiments.running.at_sea import entries_of, ours_of
    from policies.sharing import disk_named
    from real.running.survey import survey

    return survey(entries_of(study), ours_of(study, next(study.runs())), disk_named(study.host_disk))


def show_hosts(surveyed: list[Surveyed]) -> None:
    """Print what hosts have, what others hold, and what is free."""
    form = "{:<16} {:<28} {:>14} {:>16} {:>16}"
    click.echo(form.format("host", "address", "may be used", "held by others", "free"))
    for one in surveyed:
        amounts = [
            f"{amount[0] / 1000:g} c {amount[1] / 2**30:.3g} GiB" for amount in (one.whole, one.held, one.capacity)
        ]
        click.echo(form.format(one.name, one.entry.address or f"context {one.entry.context}", *amounts))


def dry_run(study: Study) -> None:
    """Print what each run of a study would do with its hosts as they are now; in the tank, so that nothing starts."""
    from experiments.running.simulate import simulate
    from traces.inventory import as_toml

    surveyed = look(study)
    show_hosts(surveyed)
    free = [
        replace(one.entry, cpus=one.capacity[0] / 1000, memory_bytes=one.capacity[1], labels=one.attributes)
        for one in surveyed
        if one.capacity[0] and one.capacity[1]
    ]
    if not free:
        raise UserError(f"{study.on}: there is nothing free on any host")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "free.toml"
        path.write_text(as_toml(free), encoding="utf-8")
        there = replace(study, on="tank", hosts=str(path))
        for key in study.runs():
            placed = _Placed([entry.name for entry in free])
            simulate(there, key, lambda levels, placed=placed: [placed])  # type: ignore[misc]
            click.echo(f"\n{key.architecture}, {key.policy}, seed {key.seed}:")
            for line in placed.lines[:SHOWN]:
                click.echo(f"  {line}")
            if len(placed.lines) > SHOWN:
                click.echo(f"  and {len(placed.lines) - SHOWN} more placements")


class _Placed:
    """Takes the rows of a log, and keeps where containers went."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self.lines: list[str] = []

    def __call__(self, rows: list[Row]) -> None:
        from policies.log import Event

        for row in rows:
            # What is launched is written with its hosts; a start that follows tells the same again.
            decided = row.event is Event.LAUNCHED or (row.event is Event.STARTED and row.attempt > 0)
            if decided and row.scheduler:
                pairs = zip(*(column.tolist() for column in row.where), strict=True)
                where = ", ".join(f"{self._names[host]} × {count}" for host, count in pairs)
                self.lines.append(f"{row.t_s:9.2f} s  job {row.job}: {where}")
