"""Reader of Alibaba's cluster trace of 2018: services and batch jobs side by side on 4,000 machines, 8 days.

`tables` reads the rows, `dag` is which task of a job comes after which, `machines` are
the hosts, and the `reader` hands them over.
"""

from traces.formats.alibaba2018.reader import Alibaba2018, looks_like

READER = Alibaba2018

__all__ = ["READER", "Alibaba2018", "looks_like"]
