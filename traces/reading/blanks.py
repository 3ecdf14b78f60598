"""Texts whose columns have any number of blanks between them, as people align them."""

from __future__ import annotations

import numpy as np

_OTHERS = bytes.maketrans(b"\t\r", b"  ")


def single_blanks(lines: bytes) -> bytes:
    r"""Make one blank of each run of blanks and tabs, and none at the beginnings and ends of lines.

    Parameters
    ----------
    lines : bytes
        Whole lines, of which the last may have no end.

    Returns
    -------
    bytes
        As many lines; their ends are those of Unix.

    Examples
    --------
    >>> single_blanks(b"  1 \t 2\r\n\n3  4  ")
    b'1 2\n\n3 4'
    """
    text = np.frombuffer(lines.translate(_OTHERS), dtype=np.uint8)
    blank = text == ord(" ")
    # A blank after another, or after the end of a line, is one too many.
    before = np.concatenate(([True], blank[:-1] | (text[:-1] == ord("\n"))))
    return text[~(blank & before[: text.size])].tobytes().replace(b" \n", b"\n").removesuffix(b" ")
