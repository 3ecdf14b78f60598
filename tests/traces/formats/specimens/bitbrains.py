"""Three virtual machines in two months, one of them gone after the first, with every kind of sample that there is."""

from pathlib import Path

HEADER = (
    "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];\t"
    "Memory capacity provisioned [KB];\tMemory usage [KB];\tDisk read throughput [KB/s];\t"
    "Disk write throughput [KB/s];\tNetwork received throughput [KB/s];\tNetwork transmitted throughput [KB/s]\n"
)
MONTHS = {
    "2013-7/1.csv": """\
1372629804;\t2;\t5851.99;\t87.77;\t1.5;\t8218624.0;\t531446.0;\t0.06;\t16.1;\t0.0;\t1.4
1372630104;\t2;\t5851.99;\t87.77;\t1.5;\t8218624.0;\t531446.0;\t0.06;\t16.1;\t0.0;\t1.4
1372631604;\t2;\t5851.99;\t6100.5;\t104.2;\t8218624.0;\t6.7108864E7;\t12.5;\t0.0;\t3.5;\t1.4
""",
    "2013-7/2.csv": """\
1372629804;\t0;\t0.0;\t0.0;\t0.0;\t0.0;\t0.0;\t0.0;\t0.0;\t0.0;\t0.0
1372630104;\t1;\t2599.99;\t13.0;\t0.5;\t2097152.0;\t150000.0;\t0.0;\t2.5;\t0.0;\t0.0
1372630104;\t0;\t0.0;\t0.0;\t0.0;\t0.0;\t0.0;\t0.0;\t0.0;\t0.0;\t0.0
1372630404;\t0;\t0.0;\t0.0;\t0.0;\t0.0;\t0.0;\t3.0;\t0.0;\t0.0;\t0.0
""",
    "2013-8/1.csv": """\
1375308204;\t4;\t11703.98;\t87.77;\t0.75;\t8218624.0;\t531446.0;\t0.0;\t0.0;\t0.0;\t0.0
""",
    "2013-8/3.csv": """\
1375308204;\t1;\t2599.99;\t13.0;\t0.5;\t2097152.0;\t150000.0;\t0.0;\t2.5;\t0.0;\t0.0
""",
}


def write(folder: Path) -> Path:
    """Write the months and say where they are."""
    for name, rows in MONTHS.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEADER + rows)
    return folder
