"""The cell: what a policy sees (`view`), claims (`claims`), the books (`ledger`), and a check (`audit`).

Books of their own have how evenly the hosts are loaded (`load`), what they are like (`attributes`), and where the
containers are that keep apart (`siblings`).
"""

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
