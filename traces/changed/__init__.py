"""Traces made of other traces: each is a `traces.trace.Trace` itself, so that they can be stacked."""
