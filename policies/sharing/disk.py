"""Disks in device time: bytes per second say nothing without the access pattern.

One device-second per second is a device that never rests. The cost model and its classes are those of the Linux
kernel's ``blk-iocost`` (``block/blk-iocost.c``, "builtin linear cost model coefficients").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from policies.arrays import FloatArray, IntArray
from policies.errors import UserError
from policies.requests import DEVICE_MICRO, Demand

PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Disk:
    """What a class of devices can do.

    Attributes
    ----------
    read_bps, write_bps : int
        Bytes per second of large sequential requests.
    read_seq_iops, read_rand_iops, write_seq_iops, write_rand_iops : int
        Requests of 4 KiB per second, sequential or random.
    latency_target_s : float
        What the kernel tries to keep the latency of most requests below, in seconds.
    rotates : bool
        Whether it has a head that must move from one stream to the other.
    """

    read_bps: int
    read_seq_iops: int
    read_rand_iops: int
    write_bps: int
    write_seq_iops: int
    write_rand_iops: int
    latency_target_s: float
    rotates: bool = False


#: The classes of ``blk-iocost``: a hard disk, and SSDs with a queue depth of 1, of the usual kind, and fast.
DISKS: Mapping[str, Disk] = {
    "HDD": Disk(174_019_176, 41_708, 370, 178_075_866, 42_705, 378, 0.25, rotates=True),
    "SSD_QD1": Disk(245_855_193, 61_575, 6_946, 141_365_009, 33_716, 26_796, 0.025),
    "SSD_DFL": Disk(488_636_629, 8_932, 8_518, 427_891_549, 28_755, 21_940, 0.025),
    "SSD_FAST": Disk(3_102_524_156, 724_816, 778_122, 1_742_780_862, 425_702, 443_193, 0.005),
}


_BYTES_PER_S = re.compile(r"(\d+(?:\.\d+)?)([kMG]?)B?", re.ASCII)
_TIMES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}


def disk_named(text: str) -> Disk:
    """Find a class of devices, or make one from what it can do.

    Parameters
    ----------
    text : str
        One of `DISKS`, or ``BYTES_PER_S:IOPS`` or ``BYTES_PER_S:IOPS:RANDOM_IOPS``, the bytes with ``k``, ``M`` or
        ``G`` for powers of 1000 (``10MB:415``), the IOPS in requests of 4 KiB.

    Returns
    -------
    Disk
        One that is described reads as it writes, its random requests are as dear as the others unless it is said
        otherwise, and no head moves between streams; its latency target is that of an SSD.

    Raises
    ------
    UserError
        If it is neither; the message says what is wrong.

    Examples
    --------
    >>> disk_named("10MB:415").read_bps
    10000000
    """
    if text in DISKS:
        return DISKS[text]
    bytes_per_s, *iops = text.split(":")
    if len(iops) not in (1, 2):
        raise UserError(f"disk {text!r}: must be one of {', '.join(DISKS)}, or BYTES_PER_S:IOPS[:RANDOM_IOPS]")
    found = _BYTES_PER_S.fullmatch(bytes_per_s)
    bps = int(float(found[1]) * _TIMES[found[2]]) if found else 0
    if bps < 1:
        raise UserError(f"disk {text!r}: {bytes_per_s!r} is no number of bytes per second, as 10MB is")
    for count in iops:
        if not (count.isascii() and count.isdecimal() and int(count)):
            raise UserError(f"disk {text!r}: {count!r} is no number of requests per second")
    sequential, random = int(iops[0]), int(iops[-1])
    if random > sequential:
        raise UserError(
            f"disk {text!r}: {random} random requests per second are more than {sequential} sequential ones"
        )
    return Disk(bps, sequential, random, bps, sequential, random, DISKS["SSD_DFL"].latency_target_s)


def device_time(
    read_bps: FloatArray | float,
    write_bps: FloatArray | float,
    io_size_bytes: FloatArray | float,
    random_share: FloatArray | float,
    disk: Disk,
) -> FloatArray:
    r"""Say how much of a device's time a container takes.

    Parameters
    ----------
    read_bps, write_bps : float or ndarray
        Bytes per second.
    io_size_bytes : float or ndarray
        Bytes per request, more than 0.
    random_share : float or ndarray
        Which part of the requests is random, 0 to 1; where several containers use a disk, see `interleaved`.
    disk : Disk
        The device.

    Returns
    -------
    ndarray
        Device-seconds per second, in the shape to which the parameters broadcast; more than 1 is more than the device
        can do.

    Raises
    ------
    ValueError
        If a rate is negative, a size is not positive, or a share is not within 0 and 1.

    Notes
    -----
    A request costs a base, sequential or random, and its pages of 4 KiB (one if it is smaller) at :math:`4096 / b`
    each, with :math:`b` the bytes per second. The base is what is left of :math:`1 / \mathrm{IOPS}` after the page of
    a 4 KiB request, and never negative. The kernel counts whole pages; we count parts of pages beyond the first.

    Examples
    --------
    A hard disk can read 4 KiB 370 times a second, no two at the same place:

    >>> device_time(370 * 4096.0, 0.0, 4096.0, 1.0, DISKS["HDD"]).round(6)
    np.float64(1.0)
    """
    if not (np.greater_equal(read_bps, 0).all() and np.greater_equal(write_bps, 0).all()):
        raise ValueError("read_bps and write_bps must be numbers and not negative")
    if not np.greater(io_size_bytes, 0).all():
        raise ValueError("io_size_bytes must be more than 0")
    if not (np.greater_equal(random_share, 0) & np.less_equal(random_share, 1)).all():
        raise ValueError("random_share must be within 0 and 1")
    size, random = np.asarray(io_size_bytes, dtype=np.float64), np.asarray(random_share, dtype=np.float64)
    pages = np.maximum(size / PAGE_BYTES, 1.0)
    reading = _request_s(disk.read_bps, disk.read_seq_iops, disk.read_rand_iops, pages, random)
    writing = _request_s(disk.write_bps, disk.write_seq_iops, disk.write_rand_iops, pages, random)
    return (read_bps * reading + write_bps * writing) / size


def _request_s(bps: int, seq_iops: int, rand_iops: int, pages: FloatArray, random: FloatArray) -> FloatArray:
    """Give the mean device time of a request, in seconds."""
    page_s = PAGE_BYTES / bps
    seq_s, rand_s = max(1.0 / seq_iops - page_s, 0.0), max(1.0 / rand_iops - page_s, 0.0)
    return seq_s + random * (rand_s - seq_s) + pages * page_s


def device_micro(demand: Demand, streams: int, disk: Disk) -> float:
    """Say how much of a disk a container takes at full speed, in the micro-units of the books.

    Parameters
    ----------
    demand : Demand
        What it uses.
    streams : int
        How many containers use the disk, this one included.
    disk : Disk
        The device.
    """
    random = interleaved(demand.random_io, streams, disk)
    taken = device_time(demand.disk_read_bps, demand.disk_write_bps, demand.io_size_bytes, random, disk)
    return float(taken) * DEVICE_MICRO


def interleaved(random_share: FloatArray | float, streams: IntArray | int, disk: Disk) -> FloatArray:
    """Say which part of a container's requests is random for the device, given who else uses it.

    Parameters
    ----------
    random_share : float or ndarray
        Which part is random where the container is alone, 0 to 1.
    streams : int or ndarray of int
        How many streams of requests the device serves by turns, this one included.
    disk : Disk
        The device.

    Returns
    -------
    ndarray
        The share that `device_time` takes, in the shape to which the parameters broadcast.

    Notes
    -----
    Each stream may be sequential, but between two requests of it a head was elsewhere: all requests on a disk that
    rotates are random as soon as there are two streams, and more streams change nothing. That is the worst case, since
    schedulers and drives batch requests; reviews measured losses from less than 2 times to 6 times for two readers.
    """
    moved = np.greater(streams, 1) & disk.rotates
    return np.where(moved, 1.0, random_share)
