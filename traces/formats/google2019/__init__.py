"""Reader of the Google cluster traces of 2019 (v3): Borg cells of about 12,000 machines, 31 days in May.

`tables` says what the tables have, `rows` makes whole numbers of their lines; `lives` are made of the events of
instances, `usage` is what was measured of them, `constraints` are what they demand, `collections` is what is said of
all of a job, `submissions` are lives that were submitted together, and the `reader` hands them over.
"""

from traces.formats.google2019.reader import Google2019, looks_like

READER = Google2019

__all__ = ["READER", "Google2019", "looks_like"]
