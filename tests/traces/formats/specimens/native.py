"""A native trace with every column."""

from pathlib import Path

HEADER = (
    "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,gpus,priority,constraints,apart,user,runtime_estimate_s,"
    "cpu_demand,memory_demand_bytes,disk_read_bps,disk_write_bps,io_size_bytes,random_io,net_bps,after,workflow"
)
ROWS = """\
a,0,batch,3,10,0.5,1073741824,,0,,,ann,12,0.25,,1e6,,4096,1,,,flow
b,1,batch,1,inf,1,1024,0.5,2,disk=ssd zone!=b,1,bob,,,,,,,,,a,flow
c,2.5,service,1,5,2,2048,,,,,,,,,,,,,,,
c,2.5,service,2,6,1,2048,,,,,,,,,,,,,,,
"d e",3,"ser""vice",1,7,1,1,,,,,,,,,,,,,1000,a b,flow
"""


def write(folder: Path) -> Path:
    path = folder / "jobs.csv"
    path.write_text(f"{HEADER}\n{ROWS}")
    return path
