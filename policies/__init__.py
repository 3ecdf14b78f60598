"""What to decide: pure code, shared by the tank and the sea.

To be read in this order: `requests` (what users ask for), `cell` (the books), `placement` (where to put a
container), `scheduling` (who decides when, and what happens when two decide at once), `log` (what is said about it).
On the way they use `arrays` (names for kinds of array), `streams` (random numbers by purpose) and `errors`.
`sharing` (who gets how much of a host) is for hosts whose containers slow each other down; nothing calls it yet.
Nothing here knows a clock, a file, SimPy or Docker.
"""
