"""Workloads: readers of public trace formats, the native format, and generators.

What the future holds (true run times) lives here and goes to a world, never to a policy.
`trace.Trace` is what every format offers, `formats.open_trace` finds the right one.
"""
