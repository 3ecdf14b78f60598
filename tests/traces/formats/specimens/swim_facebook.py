"""A small sample of Hadoop jobs, with every kind of row that there is."""

from pathlib import Path

TEXT = """\
job0\t49\t49\t740773\t2339561\t627471
job1\t101\t52\t736346\t1700537\t432269
job2\t122\t21\t267631\t0\t0
job3\t150\t28\t0\t0\t0
job4\t150\t0\t0\t0\t500000
job5\t160\t10\t700000000\t3000000000\t90000000
job6\t180\t20\t700000000\t0\t90000000
"""


def write(folder: Path) -> Path:
    """Write the sample and say where it is."""
    path = folder / "sample.tsv"
    path.write_text(TEXT)
    return path
