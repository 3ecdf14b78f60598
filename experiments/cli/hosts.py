"""``towtank hosts``: Docker hosts, what runs there, what of ours is left, and what the tank must know of them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from experiments.cli.named import FILE

if TYPE_CHECKING:
    from real.watching.hosts import Survey
    from traces.inventory import HostEntry

GIB = 2**30

#: Seconds that a host has to remove everything.
REMOVE_S = 600.0

_INVENTORY = (
    "INVENTORY is a TOML file with a table [[host]] for each host, or addresses (unix://…, tcp://…, ssh://…) and "
    "contexts (context:NAME) separated by commas."
)


@click.group(invoke_without_command=True)
@click.pass_context
def hosts(ctx: click.Context) -> None:
    """Say what there is of Docker hosts, measure them, and clean up on them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


@hosts.command("list", help=f"List Docker hosts, how big they are and what runs there.\n\n{_INVENTORY} Without, "
               "$DOCKER_HOST or else all Docker contexts.",
               epilog="Example: towtank hosts list hosts.toml")  # fmt: skip
@click.argument("inventory", type=FILE, required=False)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON, and nothing else.")
def list_(inventory: str | None = None, as_json: bool = False) -> None:
    """List Docker hosts; those that do not answer are named, and make the exit code 1."""
    from real.watching.hosts import on_each, survey

    entries = _entries(inventory)
    answers = on_each(entries, survey)
    rows = [_row(entry, answer) for entry, answer in zip(entries, answers, strict=True)]
    if as_json:
        click.echo(json.dumps({"hosts": rows}, indent=2))
    else:
        _show(rows)
    if any(isinstance(answer, Exception) for answer in answers):
        sys.exit(1)


def _entries(inventory: str | None) -> list[HostEntry]:
    """Give the hosts that are meant, also if nobody says which."""
    from traces.inventory import HostEntry, entries_named

    if inventory or os.environ.get("DOCKER_HOST"):
        return entries_named(inventory or os.environ["DOCKER_HOST"])
    from docker.context import ContextAPI

    return [HostEntry(context.Name, context=context.Name) for context in ContextAPI.contexts()]


def _row(entry: HostEntry, answer: Survey | Exception) -> dict[str, Any]:
    """Give a host in plain words and numbers."""
    row: dict[str, Any] = {
        "host": entry.name,
        "address": entry.address or f"context:{entry.context}",
        "up": not isinstance(answer, Exception),
        "cpus_allowed": entry.cpus,
        "memory_allowed_bytes": entry.memory_bytes,
        "disk": entry.disk,
    }
    if isinstance(answer, Exception):
        return row | {"error": str(answer)}
    return row | {
        "version": answer.version,
        "cgroup": answer.cgroup,
        "storage": answer.storage,
        "cpus": answer.cpus,
        "memory_bytes": answer.memory_bytes,
        "labels": {**answer.labels, **entry.labels},
        "containers_ours": answer.ours,
        "containers_others": answer.others,
        "cpus_used": round(answer.load.cores, 3),
        "memory_used_bytes": answer.load.memory_bytes,
    }


def _show(rows: list[dict[str, Any]]) -> None:
    table = [("host", "address", "docker", "cpus: used", "allowed", "all", "GiB: used", "allowed", "all", "containers",
              "of others", "disk", "cgroup", "storage")]  # fmt: skip
    for row in rows:
        if row["up"]:
            cpus, memory = row["cpus_allowed"] or row["cpus"], row["memory_allowed_bytes"] or row["memory_bytes"]
            numbers = [f"{row['cpus_used']:.2f}", f"{cpus:g}", f"{row['cpus']:g}"]
            numbers += [f"{each / GIB:.2f}" for each in (row["memory_used_bytes"], memory, row["memory_bytes"])]
            numbers += [str(row["containers_ours"] + row["containers_others"]), str(row["containers_others"])]
            table.append((row["host"], row["address"], row["version"], *numbers, row["disk"] or "-", row["cgroup"],
                          row["storage"]))  # fmt: skip
    if len(table) > 1:
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            cells = (
                text.rjust(width) if 3 <= column < 11 else text.ljust(width)
                for column, (text, width) in enumerate(zip(line, widths, strict=True))
            )
            click.echo("  ".join(cells).rstrip())
    for row in rows:
        if not row["up"]:
            click.echo(f"down: {row['error']}")


@hosts.command("clean", help="Remove containers and volumes that runs of ours have left on Docker hosts.\n\n"
               f"{_INVENTORY} What is not labelled as ours is never touched.",
               epilog="Example: towtank hosts clean hosts.toml --run 20261124-1200")  # fmt: skip
@click.argument("inventory", type=FILE)
@click.option("--run", default="", metavar="ID", help="Only what this run made.")
@click.option("--owner", metavar="WHO", help="Whose, as user@machine [default: yours, made on this machine].")
@click.option("--all-owners", is_flag=True, help="Everybody's.")
@click.option("--images", is_flag=True, help="The images of the load container, too; they belong to nobody.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(inventory: str, run: str, owner: str | None, all_owners: bool, images: bool, yes: bool) -> None:
    """Show what is left, ask, and remove it; a host that does not answer makes the exit code 1."""
    from functools import partial

    from real.labels import this_owner
    from real.watching.hosts import leftovers, on_each, remove
    from traces.inventory import entries_named

    if owner and all_owners:
        raise click.UsageError("--owner or --all-owners, not both")
    entries = entries_named(inventory)
    whose = None if all_owners else owner or this_owner()
    trouble, found = [], {}
    for entry, answer in zip(
        entries, on_each(entries, partial(leftovers, owner=whose, run=run, images=images)), strict=True
    ):
        if isinstance(answer, Exception):
            trouble.append(str(answer))
        elif answer:
            found[entry.name] = answer
    for name, items in found.items():
        for item in items:
            of_run = f", run {item.run}" if item.run else ""
            click.echo(f"{name}: {item.kind} {item.name} ({', '.join(filter(None, (item.state, item.owner)))}{of_run})")
    count = sum(map(len, found.values()))
    if not count:
        click.echo(f"nothing of {whose or 'anybody'}{' of run ' * bool(run)}{run} is there")
    elif yes or click.confirm(f"Remove {count} of {len(found)} hosts?"):
        concerned = [entry for entry in entries if entry.name in found]
        answers = on_each(concerned, lambda entry: remove(entry, found[entry.name]), limit_s=REMOVE_S)
        removed = 0
        for entry, failed in zip(concerned, answers, strict=True):
            if isinstance(failed, Exception):
                trouble.append(str(failed))
            else:
                trouble += failed
                removed += len(found[entry.name]) - len(failed)
        click.echo(f"removed {removed} of {count}")
    for line in trouble:
        click.echo(f"towtank: {line}", err=True)
    if trouble:
        sys.exit(1)


@hosts.command("calibrate", help="Measure Docker hosts, and write them as an inventory that sea and tank read.\n\n"
               f"{_INVENTORY} Measured are the speed of cores and disks, and what starts, ends and neighbours cost, "
               "with containers that are removed again; for about a minute and a half a host, which is to be idle.",
               epilog="Example: towtank hosts calibrate hosts.toml --out profile.toml")  # fmt: skip
@click.argument("inventory", type=FILE)
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Where it is written.")
@click.option("--quick", is_flag=True, help="Less often, for half a minute a host.")
@click.option("--together", is_flag=True, help="All hosts at once: right where they share no machine.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def calibrate(inventory: str, out: Path, quick: bool, together: bool, yes: bool) -> None:
    """Ask where hosts are not this machine, measure, say what came out, and write it."""
    from policies.errors import UserError
    from real.calibration import calibrate as bench
    from traces.inventory import as_toml, entries_named

    entries = entries_named(inventory)
    if not (yes or all(entry.is_local for entry in entries)):
        if not sys.stdin.isatty():
            raise UserError("some hosts are not this machine: say --yes to start containers there")
        if not click.confirm(f"Start containers on {', '.join(entry.name for entry in entries)}, and load them fully?"):
            return
    if not out.absolute().parent.is_dir():
        raise UserError(f"{out}: there is no such folder")

    def tell(line: str) -> None:
        if sys.stderr.isatty():
            click.echo(line, err=True)

    made = bench.calibrate(entries, bench.QUICK if quick else bench.Effort(), tell, together=together)
    for one in made:
        for line in one.told:
            click.echo(f"{one.entry.name}: {line}")
    try:
        out.write_text(as_toml([one.entry for one in made]), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out}: {error.strerror or error}") from None
