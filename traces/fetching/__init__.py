"""Public data sets: where their publishers keep them, and fetching them from there."""

from traces.fetching.catalogue import CATALOGUE, DataSet, RemoteFile
from traces.fetching.fetch import Fetched, Remote, checksums, fetch_file, look, new_session, same_as_known

__all__ = [
    "CATALOGUE",
    "DataSet",
    "Fetched",
    "Remote",
    "RemoteFile",
    "checksums",
    "fetch_file",
    "look",
    "new_session",
    "same_as_known",
]
