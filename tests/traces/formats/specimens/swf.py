"""A small log in the Standard Workload Format, with every kind of line that it has."""

from pathlib import Path

TEXT = """\
; Version: 2.2
; Computer: Paper Tiger
; Acknowledge: Nobody
; MaxRecords: 12
; UnixStartTime: 0
; TimeZoneString: UTC
; MaxNodes: 4 (3 1)
; MaxProcs: 8
; Note: the second line of a note
;       has no name

    1        0      5    100    2  90.5  2048    2    200  4096  1   1   1  -1  1  1 -1 -1
    2       10     -1    100    4    -1    -1   -1     -1    -1 -1  -1   1  -1  1  1 -1 -1
    3       20      0     -1    2    50    -1    2    200    -1 -1   2   1  -1  1  1 -1 -1
    4       20      0     -1   -1    -1    -1    8    200    -1  5   2   1  -1  2  1 -1 -1
    5       30      0      0    1     0    -1    1     60    -1  0   3   1  -1  2  1 -1 -1
; halfway
    6       40     60    300    1   310   512    1    200    -1  1   3   1  -1  2  1  1 30
    7       25      0     12    2    -1    -1    1     60    -1  1   3   1  -1  2  1 -1 -1
    8       50      0     20    1    -1    -1    1     60    -1  1   3   1  -1  2  1 99 10
    9       60      0     70    1    -1    -1    1     60    -1  1   3   1  -1  2  1 -1 -1
    9       60      0     30    1    -1    -1    1     60    -1  2   3   1  -1  2  1 -1 -1
    9       -1     10     40    1    -1    -1    1     60    -1  3   3   1  -1  2  1 -1 -1
   10       70      0     -1   -1    -1    -1   -1     -1    -1  1   3   1  -1  2  1 -1 -1
"""


def write(folder: Path) -> Path:
    """Write the log and say where it is."""
    path = folder / "tiger.swf"
    path.write_text(TEXT)
    return path
