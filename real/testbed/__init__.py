"""Docker Engines side by side on one Linux machine, as separate hosts, with faults on demand."""
