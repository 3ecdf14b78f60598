"""What to decide: pure code, shared by the tank and the sea.

To be read in this order: `requests` (what users ask for), `cell` (the books), `placement` (where to put a
container), `scheduling` (who decides when, and what happens when two decide at once), `log` (what is said about it).
On the way they use `arrays` (names for kinds of array), `streams` (random numbers by purpose) and `errors`.
`sharing` (who gets how much of a host) is what the tank's hosts and a policy that predicts contention both go by.
Nothing here knows a clock, a file, SimPy or Docker.
"""
