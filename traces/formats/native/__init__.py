"""Towtank's own trace format: CSV or Parquet, one row a job of identical containers."""

from traces.formats.native.columns import COLUMNS, DEMAND, LATER, MODELLED, REQUIRED
from traces.formats.native.reader import Native, is_certain, looks_like
from traces.formats.native.writer import SUFFIXES, NativeWriter, Written, write_native

READER = Native

__all__ = [
    "COLUMNS",
    "DEMAND",
    "LATER",
    "MODELLED",
    "READER",
    "REQUIRED",
    "SUFFIXES",
    "Native",
    "NativeWriter",
    "Written",
    "is_certain",
    "looks_like",
    "write_native",
]
