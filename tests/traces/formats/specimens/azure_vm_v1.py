"""A small data set in the form of Azure V1: every kind of row that the table of machines and the readings have."""

from __future__ import annotations

import gzip
from pathlib import Path

ROWS = """\
vm0,sub0,dep0,0,2591700,99.4,3.4,10.2,Delay-insensitive,1,1.75
vm1,sub1,dep1,0,1539300,100,6.2,34.0,Interactive,1,0.75
vm2,sub0,dep0,2188800,2591700,99.6,3.6,7.9,Unknown,8,56
vm3,sub2,dep2,600,600,12.0,12.0,12.0,Unknown,16,112
vm4,sub2,dep2,300,1800,50.5,25.25,40.0,Interactive,2,3.5
vm5,sub3,dep3,300,900,0,0,0,Delay-insensitive,4,7
vm6,sub3,dep3,1200,86400,0.5,0.1,0.4,,4,7
"""
READINGS = (
    "0,vm0,1.0,5.0,2.0\n0,vm1,0,0,0\n300,vm0,1.0,5.0,2.0\n300,vm4,1,50.5,10\n300,vm5,0,0,0\n",
    "600,vm0,1.5,2.5,2.25\n600,vm4,1,50,40.5\n600,gone,1,2,1.5\n1500,vm4,5,9,7\n1800,vm4,5,9,7\n",
)


def write(folder: Path) -> Path:
    """Write it, one part of the readings gzipped as all are published."""
    (folder / "vmtable.csv").write_text(ROWS)
    (folder / "vm_cpu_readings-file-1-of-2.csv").write_text(READINGS[0])
    with gzip.open(folder / "vm_cpu_readings-file-2-of-2.csv.gz", "wt") as file:
        file.write(READINGS[1])
    return folder
