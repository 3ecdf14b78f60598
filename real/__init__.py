"""The sea: a world with the wall clock and actual Docker hosts."""
