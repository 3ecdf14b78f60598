"""Workloads: readers of public trace formats, the native format, generators, and replaying one.

What the future holds (true run times) lives here and goes to a world, never to a policy.
`trace.Trace` is what every format offers. `formats` has the readers and finds the right one (`formats.open_trace`),
`reading` what they are made of, `generate` workloads drawn from laws, `fit` fits such laws to a trace, `changed` has
traces made of others, `fetching` gets them from their publishers, and `replay` is the main loop of both worlds.
"""
