"""A small cell and small distributions as the Omega simulator reads them, with every kind of row that there is."""

from pathlib import Path

CELL = """\
11 0.000000 6001 0 2 1 1 1074000000
11 0.000000  6002 1 1 1 1 7286400
11 0.000000 6003 1 3 4 2.5 524288000
11 0.000000 6004 0 0 1000 0.10000000149011612 1074000000000
12 12.602755 6001 0 2 82587
12 20.5 6004 0 0 5.001143932342529
"""
DISTRIBUTIONS = {
    "small_interarrival_cmb.log": (1200.5, 2400.25, 3600, 900, 1800, 5000),
    "small_csizes_cmb.log": (1, 1, 16, 1, 1, 2),
    "small_runtimes_cmb.log": (1.727678, 24.602128, 513.5, 101.121137, 2080.691963, 0),
}


def write(folder: Path) -> Path:
    """Write the files and say where they are."""
    (folder / "small-init-cluster-state.log").write_text(CELL)
    inner = folder / "job-distribution-traces"
    inner.mkdir(exist_ok=True)
    for name, values in DISTRIBUTIONS.items():
        rows = [f"small_cluster cmb-new {n % 2} {value}\n" for n, value in enumerate(values)]
        (inner / name).write_text("".join(rows))
    return folder
