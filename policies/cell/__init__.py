"""The cell: its books, what a policy sees of them, and how claims are judged."""

from policies.cell.claims import Claims, Commit, Conflict, Outcome
from policies.cell.ledger import Ledger
from policies.cell.view import ClusterView

__all__ = [
    "Claims",
    "ClusterView",
    "Commit",
    "Conflict",
    "Ledger",
    "Outcome",
]
