"""The workload that is there without a file.

`DEFAULT` is for trying things out: about 3,000 jobs of 39,000 containers within an hour, with the shape of published
workloads at a smaller scale. In the second half of the hour about two thirds of the CPU of its hosts are allocated,
after an hour nobody comes any more, and within another hour all have ended. Its numbers:

- 1,000 hosts of 16 cores and 64 GiB. Assumed: 4 GiB a core, as is usual to rent.
- Two classes, on average 2,700 batch and 300 service jobs, which come independently of one another (exponential).
  That more than 80 % of the jobs are batch and 55 to 80 % of the resources go to service jobs is from Schwarzkopf et
  al., "Omega", EuroSys 2013, section 2 and figure 2 (ours: 90 %, and 55 % of the CPU). The rates are assumed; 80 % of
  the gaps between batch jobs are below 2.1 s, in Omega's figure 3 below 4 to 7 s.
- Tasks of a job: half of the batch jobs have at most 3 and one in a hundred more than 120, half of the service jobs
  at most 10 and one in a hundred more than 150. Assumed, after the shape of Omega's figure 4: most jobs are small and
  there is a tail of a hundred tasks and more. It ends at 500 and 400, so that no single job fills the cell.
- Run times: half of the batch containers run at most 2 min and 80 % at most 7 min; half of the services at most
  18 min, the longest an hour. Assumed: in Omega's figure 3 it is 12 to 20 min for 80 % of the batch jobs and up to a
  month for services, which no hour could show.
- Requests: batch containers ask for CPU (0.5 to 4 cores and 0.5 to 4 GiB), services for memory (0.5 to 4 cores and 4
  to 16 GiB). Assumed; that the two are unlike is what makes it matter which goes beside which.
"""

from traces.generate.laws import Empirical, Exponential, Quantiles
from traces.generate.spec import ClassSpec, HostsSpec, WorkloadSpec

GIB = 2**30

DEFAULT = WorkloadSpec(
    span_s=3600.0,
    hosts=(HostsSpec(n=1000, cpus=16.0, memory_bytes=64 * GIB),),
    classes=(
        ClassSpec(
            "batch",
            interarrival_s=Exponential(3600 / 2700),
            tasks=Quantiles(((0.0, 1.0), (0.5, 3.0), (0.8, 8.0), (0.95, 30.0), (0.99, 120.0), (1.0, 500.0))),
            duration_s=Quantiles(((0.0, 5.0), (0.5, 120.0), (0.8, 420.0), (0.99, 1500.0), (1.0, 3000.0))),
            cpus=Empirical((0.5, 1.0, 1.0, 2.0, 2.0, 4.0)),
            memory_bytes=Empirical((0.5 * GIB, 1.0 * GIB, 1.0 * GIB, 2.0 * GIB, 2.0 * GIB, 4.0 * GIB)),
        ),
        ClassSpec(
            "service",
            interarrival_s=Exponential(3600 / 300),
            tasks=Quantiles(((0.0, 1.0), (0.5, 10.0), (0.9, 40.0), (0.99, 150.0), (1.0, 400.0))),
            duration_s=Quantiles(((0.0, 60.0), (0.5, 1080.0), (0.9, 2640.0), (1.0, 3600.0))),
            cpus=Empirical((0.5, 1.0, 2.0, 2.0, 4.0, 4.0)),
            memory_bytes=Empirical((4.0 * GIB, 4.0 * GIB, 8.0 * GIB, 8.0 * GIB, 16.0 * GIB, 16.0 * GIB)),
        ),
    ),
)
