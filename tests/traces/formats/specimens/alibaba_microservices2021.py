"""The table MSResource of the Alibaba microservices trace of 2021, in two parts, one with numbers of lines."""

from pathlib import Path

PARTS = {
    "MSResource_0.csv": """\
,timestamp,msname,msinstanceid,nodeid,instance_cpu_usage,instance_memory_usage
0,0,ms1,a,n1,0.15,0.6
1,60000,ms1,a,n1,0.25,0.61
2,1200000,ms1,a,n1,0.05,0.7
3,60000,ms1,b,n2,0.15,0.5
""",
    "MSResource_1.csv": """\
timestamp,msname,msinstanceid,nodeid,cpu_utilization,memory_utilization
60000,ms2,c,n1,0.1,0.4
30000,ms2,c,n1,0.2,0.3
""",
}


def write(folder: Path) -> Path:
    for name, text in PARTS.items():
        (folder / name).write_text(text)
    return folder
