"""Reader of the Google cluster trace of 2011: one Borg cell of about 12,500 machines, 29 days in May.

`rows` reads the lines of the tables; `machines` and `lives` are made of the events that happen to machines and tasks,
`constraints` are what tasks demand, `usage` is what they used, `jobs` are lives that were submitted together, and the
`reader` hands them over. Of tables that may be longer than memory, `pieces` gives some whole jobs at a time.
"""

from traces.formats.google2011.reader import Google2011, looks_like

READER = Google2011

__all__ = ["READER", "Google2011", "looks_like"]
