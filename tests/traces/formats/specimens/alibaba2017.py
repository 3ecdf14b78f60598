"""The Alibaba trace of 2017 with all its tables, and rows of every kind that they have."""

from pathlib import Path

TABLES = {
    "batch_task.csv": """\
6459,6524,3,4,3,Terminated,50,0.007956928
6457,6533,3,5,1,Terminated,50,0.004395206
6036,6046,4,7,393,Waiting,,
-60,110,6168,37200,2,Terminated,50,0.008231305
-60,-55,6168,37197,1,Terminated,50,0.00406906
16341,0,28,152,2,Running,100,0.013356457
16341,16391,28,153,1,Running,,
16341,16391,28,154,4,Failed,65,0.016007041
""",
    "batch_instance.csv": """\
6460,6500,3,4,12,Terminated,1,1,0.8,0.5,0.005,0.004
6461,6510,3,4,13,Terminated,1,1,0.9,0.4,0.005,0.003
6457,6533,3,5,12,Terminated,1,1,,,,
6470,6480,,,12,Terminated,1,1,0.5,0.5,0.005,0.004
16342,0,28,154,14,Failed,1,2,,,,
0,0,28,154,14,Waiting,0,0,,,,
""",
    "container_event.csv": """\
0,Create,101,12,4,0.0424,0.05,0|1|2|3
0,Create,102,13,8,0.0848,0.05,4|5|6|7|8|9|10|11
300,Create,103,12,4,0.0424,0.05,12|13|14|15
900,Remove,103,12,4,0.0424,0.05,12|13|14|15
""",
    "container_usage.csv": """\
0,101,12.5,50.1,10,1.5,1.4,1.3,1.1,0.5,1.5,0.9
300,101,13.5,50.2,10,1.5,1.4,1.3,,,,
300,103,1.5,20.0,,1.5,1.4,1.3,,,,
300,999,1.5,20.0,,1.5,1.4,1.3,,,,
3600,101,90,51,10,1.5,1.4,1.3,,,,
""",
    "server_event.csv": """\
0,12,add,,64,0.69,0.9
0,13,add,,64,0.69,0.9
500,13,softerror,disk_full,,,
""",
    "server_usage.csv": """\
300,12,30.5,60.1,40,10.1,10.2,10.3
""",
}


def write(folder: Path) -> Path:
    for name, text in TABLES.items():
        (folder / name).write_text(text)
    return folder
