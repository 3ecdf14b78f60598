"""What users ask for: containers (tasks) and the jobs they are submitted in.

The true run time and the true demand of a container are not here: nobody knows them yet. They live in
``traces``, where no policy can reach them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

#: A disk in the books: one device-second per second.
DEVICE_MICRO = 1_000_000


class Resources(NamedTuple):
    """Amounts of every resource the books know, in whole numbers, so that sums can be compared with ``==``."""

    cpu_milli: int = 0
    memory_bytes: int = 0
    gpu_milli: int = 0
    disk_micro: int = 0  # device-time, DEVICE_MICRO a second being a disk that never rests
    net_bps: int = 0


#: Short names of the resources, in the order of the fields of `Resources`.
RESOURCES = tuple(field.rpartition("_")[0] for field in Resources._fields)

#: Resources that every cell keeps books of; of the others only those that some host has.
ALWAYS = ("cpu", "memory")

#: What a request is read ahead or written in where nobody said: the read-ahead of Linux.
IO_SIZE_BYTES = 128 * 1024


class Demand(NamedTuple):
    """What a container uses at full speed, while nothing slows it down.

    It is true of a container (then it lives in ``traces``), or what somebody declares or profiled (`Task.profile`).

    Attributes
    ----------
    cpu_cores : float
        Cores; as many as it has threads that always run, since more would be of no use to it.
    memory_bytes : float
        Working set, bytes; it must be there, and does not make it faster.
    disk_read_bps, disk_write_bps : float
        Bytes per second from and to its host's disk.
    io_size_bytes : float
        Bytes of each of those requests.
    random_io : float
        Which part of them is not where the one before ended, 0 to 1.
    net_bps : float
        Bytes per second, both ways together.
    """

    cpu_cores: float
    memory_bytes: float
    disk_read_bps: float = 0.0
    disk_write_bps: float = 0.0
    io_size_bytes: float = IO_SIZE_BYTES
    random_io: float = 0.0
    net_bps: float = 0.0


class Operator(StrEnum):
    """How a constraint compares a host's attribute with its own value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    GREATER = ">"
    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    ABSENT = "absent"


class Constraint(NamedTuple):
    """What a container demands of an attribute of its host.

    Attributes
    ----------
    attribute : str
        Its name.
    operator : Operator
        How it is compared.
    value : str or tuple of str
        With what: a text, a whole number written out for ``<`` and ``>``, several texts for ``in`` and ``notin``,
        nothing for ``exists`` and ``absent``.
    """

    attribute: str
    operator: Operator
    value: str | tuple[str, ...] = ""

    def allows(self, has: str | None) -> bool:
        """Say whether a host is allowed whose attribute has this value; None where it lacks the attribute.

        Notes
        -----
        These are the rules of Kubernetes' label selectors: ``!=`` and ``notin`` allow a host that lacks the attribute,
        ``=``, ``in``, ``<`` and ``>`` do not. An empty text is a value, unlike none. What is no whole number is neither
        less nor greater than anything.

        Examples
        --------
        >>> zone = Constraint("zone", Operator.NOT_EQUAL, "b")
        >>> zone.allows("a"), zone.allows("b"), zone.allows(None)
        (True, False, True)
        >>> kernel = Constraint("kernel", Operator.GREATER, "3")
        >>> kernel.allows("10"), kernel.allows("3"), kernel.allows("new"), kernel.allows(None)
        (True, False, False, False)
        """
        operator, value = self.operator, self.value
        if operator is Operator.EQUAL:
            return has == value
        if operator is Operator.NOT_EQUAL:
            return has != value
        if operator is Operator.IN:
            return has is not None and has in value
        if operator is Operator.NOT_IN:
            return has is None or has not in value
        if operator is Operator.EXISTS:
            return has is not None
        if operator is Operator.ABSENT:
            return has is None
        try:
            number, limit = int(has or ""), int(str(value))
        except ValueError:
            return False
        return number < limit if operator is Operator.LESS else number > limit


class Task(NamedTuple):
    """One container as its user described it: a request, not a prediction.

    Equal tasks are interchangeable, so a `Task` is also the key under which scores are cached
    (Borg's equivalence classes).

    Attributes
    ----------
    need : Resources
        What it asks for.
    priority : int
        Higher is more important.
    constraints : tuple of Constraint
        What its host must be like, all of them.
    apart : bool
        Whether it shares its host with no other container of its job, nor of an earlier or later submission of that
        name. Either all containers of a job are apart or none is.
    profile : Demand, optional
        What it is expected to use, declared or profiled and perhaps wrong; None where nobody said.
    """

    need: Resources
    priority: int = 0
    constraints: tuple[Constraint, ...] = ()
    apart: bool = False
    profile: Demand | None = None


class Group(NamedTuple):
    """Identical containers of one job."""

    task: Task
    count: int  # type: ignore[assignment]  # what a tuple calls count, nobody wants of two fields


class MapReduce(NamedTuple):
    """What is known, from earlier runs of the same program, about a job whose containers are equal MapReduce workers.

    Attributes
    ----------
    maps, reduces : int
        Activities to be shared out among the workers, at least 1 map.
    map_s, reduce_s : float
        How long a worker takes for one of them, in seconds.
    """

    maps: int
    reduces: int
    map_s: float
    reduce_s: float

    def run_s(self, workers: int) -> float:
        r"""Give the time from start to end with so many workers.

        Notes
        -----
        :math:`t_m M / \min(w, M) + t_r R / \min(w, R)`: linear in the workers as long as each has something to do, the
        model of Schwarzkopf et al., "Omega", EuroSys 2013, section 6.

        Examples
        --------
        >>> job = MapReduce(maps=100, reduces=10, map_s=1.0, reduce_s=2.0)
        >>> job.run_s(5), job.run_s(50), job.run_s(1000)
        (24.0, 4.0, 3.0)
        """
        reducing_s = self.reduce_s * self.reduces / min(workers, self.reduces) if self.reduces else 0.0
        return self.map_s * self.maps / min(workers, self.maps) + reducing_s

    @property
    def most_workers(self) -> int:
        """How many workers still make it shorter: one more would have nothing to do, or nothing that takes time."""
        return max(self.maps if self.map_s else 1, self.reduces if self.reduce_s else 1)


class Job(NamedTuple):  # a frozen dataclass takes three times as long to make, and traces have many
    """Containers submitted together by one workload class.

    Two jobs are the same only if they are the same object: a trace may submit one identifier twice.

    Attributes
    ----------
    id : str
        The trace's own identifier.
    submit_s : float
        When it is submitted, in seconds since the start of the trace.
    workload : str
        Workload class, for instance ``batch`` or ``service``.
    groups : tuple of Group
        Unlike containers of the job; nearly always a single group.
    resubmission : bool
        Containers of a job that was counted before (an earlier attempt was evicted, failed or lost its host).
    user : str
        Whose job it is; empty where nobody said.
    estimate_s : float, optional
        How long its user expects its containers to run; not how long they will.
    mapreduce : MapReduce, optional
        Where the containers, of one group, are MapReduce workers, of which there may be more than were asked for.
    """

    id: str
    submit_s: float
    workload: str
    groups: tuple[Group, ...]
    resubmission: bool = False
    user: str = ""
    estimate_s: float | None = None
    mapreduce: MapReduce | None = None

    @property
    def tasks(self) -> int:
        """How many containers the job has."""
        groups = self.groups
        return groups[0].count if len(groups) == 1 else sum(group.count for group in groups)


# Two jobs of equal contents are two jobs. (Not in the class, where mypy takes it for fields.)
Job.__eq__ = object.__eq__  # type: ignore[method-assign]
Job.__ne__ = object.__ne__  # type: ignore[method-assign]
Job.__hash__ = object.__hash__  # type: ignore[method-assign]
