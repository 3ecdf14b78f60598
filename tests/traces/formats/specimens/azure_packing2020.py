"""A small data base in the form of Azure's trace for packing: machine types with types in common, and one alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

#: SQLite reads no packed files.
GZIPPED = False

TABLES = """
CREATE TABLE vmType (id INTEGER PRIMARY KEY, vmTypeId INTEGER, machineId INTEGER, core REAL, memory REAL, hdd REAL,
    ssd REAL, nic REAL);
CREATE TABLE vm (vmId INTEGER, tenantId INTEGER, vmTypeId INTEGER, priority INTEGER, starttime REAL,
    endtime REAL);
"""
#: vmTypeId, machineId, core, memory: types 0 to 2 on machine 16, 0 and 3 on machine 2, 4 on machine 7 alone.
TYPES = [(0, 16, 0.5, 0.25), (1, 16, 0.125, 0.125), (2, 16, 1.0, 1.0), (0, 2, 0.25, 0.25), (3, 2, 0.5, 0.5)]
TYPES += [(4, 7, 0.1, 0.2)]
#: vmId, tenantId, vmTypeId, priority, starttime, endtime
REQUESTS = [
    (0, 0, 0, 0, -138.925486, None),
    (1, 0, 1, 1, -0.5, 18.035497),
    (2, 1, 2, 0, 0.0, 0.5),
    (3, 1, 3, 1, 2.5, 2.5),
    (4, 2, 4, 0, 1.25, None),
    (5, 2, 0, 1, 1.0, 90.0),
    (6, 3, 0, 0, 13.999, 14.5),
]


def write(folder: Path) -> Path:
    """Write it."""
    path = folder / "packing_trace_zone_a_v1.sqlite"
    with closing(sqlite3.connect(path)) as base, base:
        base.executescript(TABLES)
        base.executemany("INSERT INTO vmType VALUES (NULL, ?, ?, ?, ?, 0.0, 0.1, NULL)", TYPES)
        base.executemany("INSERT INTO vm VALUES (?, ?, ?, ?, ?, ?)", REQUESTS)
    return path
