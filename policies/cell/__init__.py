"""The cell: what a policy sees (`view`), claims (`claims`), the books (`ledger`, `load`), and a check (`audit`)."""

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
