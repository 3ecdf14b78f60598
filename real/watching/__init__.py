"""What is seen of Docker hosts from outside.

What containers `use`, what runs on `hosts` and what of ours is left there, and a `record` of the `lives` of containers
that makes a trace.
"""
