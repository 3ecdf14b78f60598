"""``towtank policies``: what there is to choose from."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import click


@click.command(epilog="Example: towtank policies")
def policies() -> None:
    """List what there is to choose from, with parameters."""
    from experiments.running.choices import parameters_of
    from policies.placement import BUILT_IN
    from policies.scheduling import ARCHITECTURES, DISCIPLINES, SIZINGS
    from policies.sharing import ISOLATIONS

    def listing(title: str, entries: dict[str, Callable[..., Any]]) -> None:
        click.echo(title)
        for name, made_from in entries.items():
            summary = (inspect.getdoc(made_from) or "").partition("\n")[0]
            click.echo(f"  {name:22}{summary}")
            for parameter in parameters_of(made_from).values():
                default = getattr(parameter.default, "__name__", parameter.default)
                any_name = parameter.kind is parameter.VAR_KEYWORD
                shown = "CLASS=NUMBER,…" if any_name else f"{parameter.name}={str(default).replace('_', '-')}"
                click.echo(f"  {'':22}  :{shown}")

    listing("Architectures (--architecture):", dict(ARCHITECTURES))
    click.echo()
    listing("Queue disciplines (--queue):", dict(DISCIPLINES))
    click.echo()
    listing("Placement policies (--policy):", dict(BUILT_IN))
    click.echo()
    listing("Workers of a MapReduce job (--mapreduce):", dict(SIZINGS))
    click.echo()
    listing("Isolation modes (--isolation):", dict(ISOLATIONS))
    click.echo(
        "\nParameters are written behind the name: power-of-d:d=3,score=binpack\n"
        "An own policy is a function in a file: --policy path/to/mine.py:my_score"
    )
