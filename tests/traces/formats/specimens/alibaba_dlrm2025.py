"""A small trace of disaggregated recommendation services with every kind of row that it has."""

from pathlib import Path

HEADER = (
    "instance_sn,role,app_name,cpu_request,cpu_limit,gpu_request,gpu_limit,rdma_request,rdma_limit,memory_request,"
    "memory_limit,disk_request,disk_limit,max_instance_per_node,creation_time,scheduled_time,deletion_time\n"
)
ROWS = """instance_0,HN,app_0,12,12,1,1,25,25,120.0,120.0,680.0,800.0,8,,,
instance_1,CN,app_0,64,64,0,0,1,1,320.0,320.0,255.0,300.0,-1,,,1379.0
instance_2,CN,app_1,96,96,0,0,1,1,500.0,500.0,408.0,480.0,1,1435629.0,1435629.0,1435760.0
instance_3,CN,app_1,96,96,0,0,1,1,500.0,500.0,408.0,480.0,1,1435629.0,1435630.0,
instance_4,HN,app_2,8,8,1,1,51,51,32.0,32.0,170.0,200.0,2,475.0,480.0,2057225.0000000002
instance_5,HN,app_2,8,8,1,1,0,0,32.0,32.0,0,0,2,475.0,,2677379.0
instance_6,CN,app_2,8,8,0,0,1,1,32.0,32.0,170.0,200.0,-1,,10.0,2677379.0
"""


def write(folder: Path) -> Path:
    """Write it, and give the path that it is opened by."""
    path = folder / "disaggregated_DLRM_trace.csv"
    path.write_text(HEADER + ROWS)
    return path
