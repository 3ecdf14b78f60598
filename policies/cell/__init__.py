"""The cell: what a policy sees (`view`), claims (`claims`), the books (`ledger`, `load`), and a check (`audit`).

`preemption` has the books of a cell in which important containers may take the room of others.
"""

from policies.cell.claims import Claims, Commit, Conflict, Eviction, Outcome
from policies.cell.ledger import Ledger
from policies.cell.preemption import PreemptiveLedger
from policies.cell.view import ClusterView

__all__ = [
    "Claims",
    "ClusterView",
    "Commit",
    "Conflict",
    "Eviction",
    "Ledger",
    "Outcome",
    "PreemptiveLedger",
]
