"""Readers of trace formats: one file or one package each, all of the same shape, and found by name or by content.

A module named after its format has a ``READER``, a class of `traces.trace.Trace` that is made of a path, of
`traces.reading.rejects.Rejects` and of `traces.reading.options.ReadOptions`; and ``looks_like(path)``, which says
whether a file or folder may be such a trace, going by its content. `registry` finds them.
"""

from traces.formats.registry import GENERATED, RECORDED, open_trace

__all__ = ["GENERATED", "RECORDED", "open_trace"]
