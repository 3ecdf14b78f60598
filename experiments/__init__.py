"""Studies: scripts that a person runs, each a module here, and what they stand on.

`running` makes runs of what was asked for, `measures` says what they come to, `drawing` shows it, `cli` is the command
line.
"""
