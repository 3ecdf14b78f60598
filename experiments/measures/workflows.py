"""How long workflows take, and how much longer than they must."""

from __future__ import annotations

import numpy as np

from experiments.measures.statistics import Metric, quantile
from policies.log import Row


class Workflows:
    """Follows the workflows of a run.

    Attributes
    ----------
    came : int
        How many began.
    """

    def __init__(self) -> None:
        self.came = 0
        self._makespans_s: list[float] = []
        self._critical_paths_s: list[float] = []

    def ended(self, row: Row) -> None:
        """Take note of a workflow that came to its end."""
        self._makespans_s.append(row.age_s)
        self._critical_paths_s.append(row.seconds)

    def result(self) -> dict[str, Metric]:
        """Give the metrics; none where no workflow came."""
        if not self.came:
            return {}
        makespan_s, critical_s = np.array(self._makespans_s), np.array(self._critical_paths_s)
        # One that takes no time is not stretched by any factor.
        stretch = makespan_s[critical_s > 0] / critical_s[critical_s > 0]
        some = bool(makespan_s.size)
        return {
            "workflows": makespan_s.size,
            "workflows_unfinished": self.came - makespan_s.size,
            "workflow_makespan_mean_s": float(makespan_s.mean()) if some else None,
            "workflow_makespan_p90_s": quantile(makespan_s, 0.9) if some else None,
            "workflow_critical_path_mean_s": float(critical_s.mean()) if some else None,
            "workflow_stretch_mean": float(stretch.mean()) if stretch.size else None,
            "workflow_stretch_p90": quantile(stretch, 0.9) if stretch.size else None,
        }
