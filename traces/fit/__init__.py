"""Descriptions of workloads (`traces.generate`) that are fitted to a trace.

`measure` reads a trace once, in bounded memory, `fit` makes a `WorkloadSpec` of what it saw, with an interval for each
parameter that has one, and notes of what was left out. What is generated from it is of the same character and contains
no row of the trace: laws have at most `POINTS` points, of rounded values.
"""

from traces.fit.coming import Interval, fit_arrivals
from traces.fit.fitting import Fitted, fit
from traces.fit.laws import POINTS, fit_law
from traces.fit.measuring import FEWEST, SAMPLE, Measured, Part, measure

__all__ = [
    "FEWEST",
    "POINTS",
    "SAMPLE",
    "Fitted",
    "Interval",
    "Measured",
    "Part",
    "fit",
    "fit_arrivals",
    "fit_law",
    "measure",
]
