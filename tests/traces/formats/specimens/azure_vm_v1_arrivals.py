"""Small texts of arrivals and lifetimes, with their maps: ended, still there, batches of one and of unlike machines."""

from __future__ import annotations

from pathlib import Path

ARRIVALS = """\
300 g,|,g,|,b,m,|,b,|
600 g,|,a,a,g,a,|
900 \n\
1200 b,|,m,|
1500 k,k,k,|,a,|
1800 b,|
"""
LIFETIMES = """\
300 U1,|,U0,|,C3,U2,|,U3,|
600 C3,|,U1,U1,U1,U2,|
900 \n\
1200 U0,|,C2,|
1500 C1,U1,C1,|,U4,|
1800 C0,|
"""
FLAVOURS = "1,0.75 a\n1,1.75 b\n2,3.5 g\n4,7 k\n8,14 m\n"
INTERVALS = "0 0\n300 1\n600 2\n900 3\n1200 3\n1500 3\n"


def write(folder: Path) -> Path:
    """Write them."""
    (folder / "v1.test.txt").write_text(ARRIVALS)
    (folder / "v1.test.c2100.txt").write_text(LIFETIMES)
    (folder / "flav_map.txt").write_text(FLAVOURS)
    (folder / "v1.interval_map.txt").write_text(INTERVALS)
    return folder
