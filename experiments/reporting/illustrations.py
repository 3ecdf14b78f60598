"""Figures as parts of a page."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl

from experiments.drawing import style
from experiments.drawing.catalogue import Picture
from experiments.reporting.content import Illustration
from experiments.results.frames import Frames

#: An SVG beyond this size is a bitmap instead, if that is smaller.
MOST_SVG_BYTES = 120_000

#: Dots per inch of a bitmap: on paper one has more, and a page that is sent is to be small.
DPI = 160

#: CSS pixels of an inch: somewhat larger than on paper.
PIXELS = 120


def illustrations(frames: Frames, pictures: Iterable[Picture]) -> tuple[Illustration, ...]:
    """Draw figures anew, each as vectors where that is small and else as a bitmap.

    Notes
    -----
    A picture is an image of its own and no part of the page's tree: what is named in one cannot meet what has the same
    name in another, and no script in it runs.
    """
    return tuple(illustration(one.stem, one.title, one.caption, one.draw(frames)) for one in pictures)


def illustration(name: str, title: str, caption: str, figure: style.Figure) -> Illustration:
    """Make a figure part of a page."""
    width, height = (round(PIXELS * float(inches)) for inches in figure.get_size_inches())
    with TemporaryDirectory(prefix="towtank-") as folder, mpl.rc_context({"savefig.dpi": DPI}):
        (vectors,) = style.save(figure, Path(folder) / name, ["svg"])
        source = _data_uri("image/svg+xml", vectors)
        if vectors.stat().st_size > MOST_SVG_BYTES:
            (bitmap,) = style.save(figure, Path(folder) / name, ["png"])
            source = min(source, _data_uri("image/png", bitmap), key=len)
    return Illustration(name, title, caption, source, width, height)


def _data_uri(kind: str, path: Path) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
