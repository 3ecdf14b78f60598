"""Who decides, when, and what happens when two decide at once.

`scheduler` is the process, `concurrency` the value that makes it pessimistic or optimistic; `offers` (Mesos) and
`partial_sync` (ParSync) are two more such values, `sizing` the one that says how many workers a MapReduce job gets.
`architecture` says which schedulers a cell has and which of them gets a job, `world` what tank and sea provide.
`queues` and `backfill` are the orders in which jobs are taken (`disciplines` by name), `quotas` lets them into the
queues.
"""

from policies.scheduling.architecture import ARCHITECTURES, Architecture, Dispatcher, Settings
from policies.scheduling.disciplines import DISCIPLINES, Discipline
from policies.scheduling.scheduler import Pending, Scheduler
from policies.scheduling.sizing import SIZINGS
from policies.scheduling.world import Cell, Clock

__all__ = [
    "ARCHITECTURES",
    "DISCIPLINES",
    "SIZINGS",
    "Architecture",
    "Cell",
    "Clock",
    "Discipline",
    "Dispatcher",
    "Pending",
    "Scheduler",
    "Settings",
]
