"""A small GPU cluster trace of 2020 with every kind of row that it has."""

from pathlib import Path

TABLES = {
    "pai_job_table": """j0,i0,u0,Terminated,1000.0,2000.0
j1,i1,u1,Running,1010.0,
j2,i2,u0,Failed,1020.0,1080.0
j3,i3,u2,Waiting,1030.0,
""",
    "pai_task_table": """j1,worker,2.0,Running,1015.0,,600.0,29.296875,50.0,V100
j0,ps,1.0,Terminated,1005.0,1995.0,400.0,8.0,,
j0,worker,3.0,Terminated,1006.0,2000.0,600.0,29.296875,100.0,T4
j2,tensorflow,1.0,Failed,,,,,,
j3,worker,4.0,Waiting,,,600.0,29.296875,25.0,
j4,xComputeWorker,1.0,Terminated,1100.0,1200.0,50.0,1.0,,
""",
    "pai_instance_table": """j0,ps,a,w0,i0,Terminated,1006.0,1995.0,m0
j0,worker,b,w1,i0,Failed,1007.0,1010.0,m1
j0,worker,b,w1,i0,Terminated,1020.0,2000.0,m1
j0,worker,c,w2,i0,Terminated,1007.0,2000.0,m1
j1,worker,d,w3,i1,Running,1016.0,,m1
""",
    "pai_sensor_table": """j0,worker,w1,i0,m1,/dev/nvidia0,140.0,16.0,1.5,2.5,1.2,2.4,1000.0,500.0,9.0,8.0
j0,worker,w1,i0,m1,/dev/nvidia1,160.0,16.0,1.5,2.5,1.2,2.4,1000.0,500.0,9.0,8.0
j0,ps,w0,i0,m0,,20.0,,0.5,0.6,,,,,,
""",
    "pai_group_tag_table": """i0,u0,T4,g0,bert
i1,u1,,g1,
""",
    "pai_machine_spec": """m0,CPU,96,512,0
m1,T4,96,512,2
m2,V100,96,512,8
""",
}


def write(folder: Path) -> Path:
    """Write it, and give the path that it is opened by."""
    for name, rows in TABLES.items():
        (folder / f"{name}.csv").write_text(rows)
    return folder
