"""The unit of our benchmarks: one SimPy process that waits a million times."""

import simpy


def wait(env):
    for _ in range(1_000_000):
        yield env.timeout(1)


environment = simpy.Environment()
environment.process(wait(environment))
environment.run()
