"""A small data set in the form of Azure V2: every kind of row that the table of machines and the readings have."""

from __future__ import annotations

from pathlib import Path

ROWS = """\
vm0,sub0,dep0,0,2591400,98.5,30.3,98.2,Interactive,2,4
vm1,sub1,dep1,0,300,91.9,4.7,36.8,Delay-insensitive,24,64
vm2,sub0,dep0,2188800,2591400,99.6,3.6,7.9,Unknown,>24,>64
vm3,sub2,dep2,600,600,12.0,12.0,12.0,Unknown,8,32
vm4,sub2,dep2,300,1800,50.5,25.25,40.0,Interactive,2,2
vm5,sub3,dep3,300,900,,,,Delay-insensitive,4,8
"""
READINGS = """\
0,vm0,1.0,5.0,2.0
0,vm1,3.226399608244555,4.352817884098105,3.5863332518631985
300,vm0,1.0,5.0,2.0
300,vm4,1,50.5,10
600,vm0,1.5,2.5,2.25
600,vm4,1,50,40.5
1500,vm4,5,9,7
"""


def write(folder: Path) -> Path:
    """Write it."""
    (folder / "vmtable.csv").write_text(ROWS)
    (folder / "vm_cpu_readings-file-1-of-1.csv").write_text(READINGS)
    return folder
