"""Two small days in the form of Azure's trace of functions; of the second there is no memory."""

from __future__ import annotations

from pathlib import Path

#: Of each day: owner, application, function, trigger, and the minutes (from 1) in which it was invoked how often.
FUNCTIONS = (
    [
        ("o1", "a1", "f1", "http", {1: 2, 2: 1, 1440: 3}),
        ("o1", "a1", "f2", "timer", {1: 1, 60: 1}),
        ("o2", "a2", "f3", "queue", {}),
        ("o2", "a2", "f4", "http", {2: 4}),
    ],
    [("o1", "a1", "f1", "http", {1: 1}), ("o3", "a3", "f5", "event", {1: 2, 700: 1})],
)
DURATIONS = (
    "o1,a1,f1,100,6,50,200,50,52,80,100,120,190,200\no1,a1,f2,10.5,2,10,11,10,10,10,10.5,11,11,11\n",
    "o3,a3,f5,1000,3,900,1100,900,900,950,1000,1050,1100,1100\n",
)
MEMORY = "o1,a1,10,120.5,100,100,110,120,130,140,140,141\no2,a2,2,64,60,60,60,64,64,64,64,64\n"

HEADER = ",".join(("HashOwner", "HashApp", "HashFunction", "Trigger", *map(str, range(1, 1441)))) + "\n"
DURATIONS_HEADER = (
    "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,percentile_Average_1,"
    "percentile_Average_25,percentile_Average_50,percentile_Average_75,percentile_Average_99,percentile_Average_100\n"
)
MEMORY_HEADER = (
    "HashOwner,HashApp,SampleCount,AverageAllocatedMb,AverageAllocatedMb_pct1,AverageAllocatedMb_pct5,"
    "AverageAllocatedMb_pct25,AverageAllocatedMb_pct50,AverageAllocatedMb_pct75,AverageAllocatedMb_pct95,"
    "AverageAllocatedMb_pct99,AverageAllocatedMb_pct100\n"
)


def invocations(owner: str, app: str, function: str, trigger: str, counts: dict[int, int]) -> str:
    """Make a row of the table of invocations."""
    row = (owner, app, function, trigger, *(str(counts.get(minute, 0)) for minute in range(1, 1441)))
    return ",".join(row) + "\n"


def write(folder: Path) -> Path:
    """Write them under the names that they are published by."""
    for day, (functions, durations) in enumerate(zip(FUNCTIONS, DURATIONS, strict=True), start=1):
        table = folder / f"invocations_per_function_md.anon.d{day:02}.csv"
        table.write_text(HEADER + "".join(invocations(*function) for function in functions))
        (folder / f"function_durations_percentiles.anon.d{day:02}.csv").write_text(DURATIONS_HEADER + durations)
    (folder / "app_memory_percentiles.anon.d01.csv").write_text(MEMORY_HEADER + MEMORY)
    return folder
