"""A small GPU cluster trace of 2023 with every kind of row that it has."""

from pathlib import Path

PODS = """name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time
pod-0,12000,16384,1,1000,,LS,Running,0,12902960,0
pod-1,6000,12288,1,460,,LS,Running,427061,12902960,427061
pod-2,88000,327680,8,1000,,Burstable,Succeeded,1558381,1635602,1558381
pod-3,4000,8192,0,0,,BE,Failed,9437497,9438088,9437500
pod-4,4000,8192,1,1000,V100M16|V100M32,LS,Pending,9437400,9438000,
pod-5,1000,0,1,100,T4,Guaranteed,Succeeded,3000,12902960,3004
"""
NODES = """sn,cpu_milli,memory_mib,gpu,model
node-0,32000,262144,0,
node-1,96000,393216,8,V100M32
node-2,64000,262144,2,T4
"""


def write(folder: Path) -> Path:
    """Write it, and give the path that it is opened by."""
    (folder / "openb_pod_list_default.csv").write_text(PODS)
    (folder / "openb_node_list_all_node.csv").write_text(NODES)
    return folder
