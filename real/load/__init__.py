"""Containers that use what a trace says: the program, its image, and what it is told to do."""
