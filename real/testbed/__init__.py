"""Docker Engines side by side on one Linux machine, as separate hosts, with faults on demand."""

from real.testbed.disks import SlowDisk
from real.testbed.options import TestbedOptions
from real.testbed.testbed import FAULTS, HostStatus, Testbed

__all__ = ["FAULTS", "HostStatus", "SlowDisk", "Testbed", "TestbedOptions"]
