"""A study as the command that makes it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import click

from experiments.cli.options import STUDY, grouped
from experiments.results.study import RunKey, Study


@click.command()
@grouped(STUDY)
def _said(**options: object) -> None:
    """Have the options that say what a study is."""


def command_of(study: Study, key: RunKey | None = None) -> str:
    """Spell the ``towtank run`` that makes a study, or one run of it; what is as by default is left out.

    Parameters
    ----------
    study : Study
        What was asked for.
    key : RunKey, optional
        One of its runs.

    Returns
    -------
    str
        To be pasted into a shell; without ``--out``.
    """
    plain, default = study.as_json(), Study().as_json()
    if key is not None:
        plain |= {"architectures": [key.architecture], "policies": [key.policy], "seeds": [key.seed]}
        # A run that was added for the sake of precision is asked for by its seed.
        plain |= {name: default[name] for name in ("precision", "of", "max_seeds")}
    words = ["towtank", "run"]
    for option in _said.params:
        name = option.name or ""
        # The options' defaults are those of a study.
        if name in plain and plain[name] != default[name]:
            each = plain[name] if isinstance(option, click.Option) and option.multiple else [plain[name]]
            words += [word for value in each for word in (option.opts[0], spelled(value))]
    return shlex.join(words)


def spelled(value: Any) -> str:
    """Spell one value of a study as its option has it.

    Examples
    --------
    >>> spelled(600.0), spelled({"batch": 4, "service": 1}), spelled((1, 2, 3)), spelled(True)
    ('600', 'batch=4,service=1', '1,2,3', 'on')
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Mapping):
        return ",".join(f"{name}={spelled(number)}" for name, number in value.items())
    if isinstance(value, (list, tuple)):
        return ",".join(map(spelled, value))
    if isinstance(value, float):
        return repr(float(value)).removesuffix(".0")  # NumPy's say that they are
    return str(value)
