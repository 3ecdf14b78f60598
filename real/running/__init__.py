"""Containers of a run on Docker hosts.

`fleet` is the hosting of the sea; a `berth` is one container's place in it, and `looking` what hosts are seen to use.
`host` is one host in use, spoken to by `workers`; `flags` is what its Engine is told of a container, and `survey` looks
at hosts before a run, makes them ready, and leaves them as they were.
"""
