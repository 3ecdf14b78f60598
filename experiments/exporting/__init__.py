"""Runs for other tools: as a trace that Perfetto shows, and as plain tables."""
