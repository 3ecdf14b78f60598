"""The cell: what a policy sees (`view`), claims (`claims`), the books (`ledger`), and a check (`audit`).

Books of their own have how evenly the hosts are loaded (`load`), what they are like (`attributes`), and where the
containers are that keep apart (`siblings`).

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
