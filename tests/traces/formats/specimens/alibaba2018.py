"""The Alibaba trace of 2018 with all its tables, and rows of every kind that they have."""

from pathlib import Path

TABLES = {
    "batch_task.csv": """\
R2_1,1,j_2,1,Terminated,87076,87086,50,0.2
M1,2,j_2,1,Terminated,87076,87083,50,0.2
J4_2_3_Stg9,3,j_3,1,Terminated,157329,157376,100,0.59
R2_1,4,j_3,1,Terminated,157300,157320,100,0.49
M1,2,j_3,1,Terminated,157297,157299,100,0.49
R3_1,1,j_3,1,Running,157300,157325,,
R5_6,1,j_4,1,Failed,100,110,100,0.3
M6,1,j_4,1,Terminated,90,99,100,0.3
task_MTM0ODUxMTY0NjQzMTI1NTc1MQ==,1,j_85,6,Running,474800,0,,
task_LTE4NjUxMjg5NDY5MDI4NjAzNzU=,,j_585,6,Waiting,0,0,,
MergeTask,1,j_6,4,Terminated,5,9,100,0.1
""",
    "batch_instance.csv": """\
ins_1,M1,j_2,1,Terminated,87076,87080,m_1,1,1,40,50,0.1,0.2
ins_2,M1,j_2,1,Terminated,87077,87083,m_2,1,2,40,50,0.1,0.2
ins_2,M1,j_2,1,Terminated,87078,87083,m_2,2,2,60,70,0.3,0.4
ins_1,R2_1,j_2,1,Failed,87083,87085,m_2,1,1,,,,
ins_1,J4_2_3_Stg9,j_3,1,Terminated,157330,157376,m_1,1,1,,,,
ins_1,M9,j_9,1,Terminated,1,2,m_1,1,1,10,10,0.1,0.1
ins_3,R2_1,j_3,1,Running,157300,0,m_1,1,1,10,10,0.1,0.1
""",
    "container_meta.csv": """\
c_1,m_1,0,app_5052,started,400,400,1.56
c_1,m_1,287942,app_5052,started,400,400,1.56
c_2,m_2,0,app_8125,started,800,800,3.13
c_2,m_2,23205,app_8125,stopped,800,800,3.13
c_3,m_2,100,app_8125,allocated,800,800,3.13
c_3,m_2,200,app_8125,stopped,800,800,3.13
c_3,m_2,300,app_8125,started,800,800,3.13
c_4,m_9,0,app_1,started,400,400,1.56
c_5,m_1,50,app_1,stopped,400,400,1.56
""",
    "container_usage.csv": """\
c_1,m_1,86610,12,88,,,,1.22,1.15,7
c_1,m_1,87230,9,88,1.5,0.1,1,1.22,1.15,101
c_1,m_1,95000,30,80,,,,1.22,1.15,
c_4,m_9,10,-1,50,,,,0,0,3
c_7,m_9,10,1,50,,,,0,0,3
""",
    "machine_meta.csv": """\
m_1,0,219,17,96,100,USING
m_1,148984,219,,96,100,USING
m_1,357600,219,18,96,100,USING
m_2,0,6,6,96,50,USING
m_3,569729,6,6,96,100,IMPORT_INSTALLING
m_4,400,7,6,96,100,USING
""",
    "machine_usage.csv": """\
m_1,386640,41,92,,,43.04,33.08,5
""",
}


def write(folder: Path) -> Path:
    for name, text in TABLES.items():
        (folder / name).write_text(text)
    return folder
