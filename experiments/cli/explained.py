"""How jobs were placed, for a person to read."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.running.explained import PLAIN, amount

if TYPE_CHECKING:
    from experiments.results.result import Result

#: Hosts of one decision, and things that happened to a job, that are printed.
MOST_ROWS = 20


def print_explained(results: Iterable[Result]) -> None:
    """Print, run by run, how each job that was asked about was placed."""
    console = Console(width=None if sys.stdout.isatty() else 220, highlight=False)
    for result in results:
        key = result.key
        for job in result.explained:
            head = f"{job['job']} under {key.architecture}, {key.policy}, seed {key.seed}: {_came(job)}"
            console.print(f"\n[bold]{escape(head)}[/bold]")
            for attempt in job["attempts"]:
                if job["attempts_left_out"] and attempt is job["attempts"][-1]:
                    console.print(f"  … {job['attempts_left_out']} more attempts, and the last:")
                _print_attempt(console, attempt)


def _came(job: dict[str, Any]) -> str:
    happened = job["happened"]
    if not happened:
        return "no job of this name came"
    shown = "; ".join(f"{one['what']} at {one['t_s']:.6g} s ({one['containers']})" for one in happened[:MOST_ROWS])
    return shown + (f"; and {len(happened) - MOST_ROWS} more" if len(happened) > MOST_ROWS else "")


def _print_attempt(console: Console, attempt: dict[str, Any]) -> None:
    console.print(escape(f"  attempt {attempt['attempt']} by {attempt['scheduler']}: {_when(attempt)}"))
    for decision in attempt["decisions"]:
        request = ", ".join(_amount(called, value) for called, value in decision["request"].items()) or "nothing"
        verdicts = ", ".join(f"{many} {said}" for said, many in decision["verdicts"].items())
        console.print(escape(f"    {decision['containers']} containers of {request}; hosts: {verdicts}"))
        console.print(_table(decision["hosts"]))


def _when(attempt: dict[str, Any]) -> str:
    began = f"began at {attempt['began_s']:.6g} s"
    if attempt["ended_s"] is None:
        return f"{began}, and the run was over before anything was claimed"
    rows = [host for decision in attempt["decisions"] for host in decision["hosts"]]
    placed = sum(host["placed"] for host in rows)
    if not attempt["claimed"]:
        why = f"only {placed} of {attempt['containers']} found room, and part of a job is not claimed"
        return f"{began}: {why if placed else 'no host for any container'}"
    conflicted = sum(host["conflicted"] or 0 for host in rows)
    return (
        f"{began}, claimed at {attempt['ended_s']:.6g} s what was decided {attempt['snapshot_age_s']:.3g} s before: "
        f"{placed} of {attempt['containers']} found room, {conflicted} conflicted"
    )


def _table(hosts: list[dict[str, Any]]) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    terms = list(dict.fromkeys(name for host in hosts for name in host["terms"]))
    free = list(hosts[0]["free"])
    conflicts = any(host["conflicted"] for host in hosts)
    shown.add_column("    host")
    for name in (*(f"free {called.removesuffix('_bytes')}" for called in free), "placed"):
        shown.add_column(name, justify="right", no_wrap=True)
    if conflicts:
        shown.add_column("conflicted", justify="right")
    for name in ("score", *terms):
        shown.add_column(escape(name), justify="right", no_wrap=True)
    shown.add_column("verdict")
    for host in hosts[:MOST_ROWS]:
        numbers = [host["score"], *(host["terms"].get(name) for name in terms)]
        shown.add_row(
            escape(f"    {host['host']}"),
            *(_amount(called, host["free"][called]) for called in free),
            str(host["placed"] or ""),
            *([str(host["conflicted"] or "")] if conflicts else []),
            *("" if number is None else f"{number:.4g}" for number in numbers),
            escape(host["verdict"]),
        )
    if len(hosts) > MOST_ROWS:
        shown.add_row(f"    … {len(hosts) - MOST_ROWS} more")
    return shown


def _amount(called: str, value: float) -> str:
    """Write an amount in plain units for a person."""
    for name, (plain, whole) in PLAIN.items():
        if plain == called:
            return amount(name, round(value * whole))
    raise KeyError(called)
