"""A report as a page: one file that needs no other and asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from experiments.reporting.content import Report
from experiments.reporting.of_study import Spell, of_study
from traces.whole import written_whole


def gather(folder: Path, here: Path, spell: Spell) -> Report:
    """Gather what a page says of a results directory, or of a validation's; see `of_study`."""
    if (folder / "validation.csv").exists():
        # It reads the logs of two worlds again, and knows a lot that others need not.
        from experiments.reporting.of_validation import of_validation

        return of_validation(folder, here, spell)
    return of_study(folder, here, spell)


def write(report: Report, path: Path) -> None:
    """Write a page, whole or not at all.

    Parameters
    ----------
    report : Report
        What it says.
    path : Path
        Where.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as part:
        part.write_text(page(report), encoding="utf-8")


def page(report: Report) -> str:
    """Give the HTML of a report.

    Notes
    -----
    The page's policy (Content Security Policy, level 3) lets it load nothing, and run no script and follow no style but
    its own two, which are named by their SHA-256. Whatever stands in the name of a job or a policy is text.
    """
    environment = Environment(
        loader=PackageLoader("experiments.reporting", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["breakable"] = breakable
    environment.filters["held_together"] = held_together
    style, script = (_own(name) for name in ("report.css", "report.js"))
    return environment.get_template("report.html.j2").render(
        report=report, style=Markup(style), script=Markup(script), style_hash=_hash(style), script_hash=_hash(script)
    )


def breakable(text: Any) -> Markup:
    """Let a long name be broken behind its underscores, dots and slashes."""
    marked = str(escape(text))
    for mark in "_./":
        marked = marked.replace(mark, f"{mark}<wbr>")
    return Markup(marked)


def held_together(text: str) -> str:
    r"""Let no line end between a number and its unit or interval.

    Examples
    --------
    >>> held_together("31 % ± 3 % below").split(" ")
    ['31\xa0%\xa0±\xa03\xa0%', 'below']
    """
    return re.sub(r"(?<=\d) (?=s\b|%)| (?=±)|(?<=±) ", "\u00a0", text)


def _own(name: str) -> str:
    return "\n" + files("experiments.reporting").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"
