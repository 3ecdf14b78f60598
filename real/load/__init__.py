"""Containers that use what a trace says: the program, its image, and what it is told to do.

The program is our own. stress-ng and fio work for a time (fio's ``cpuio`` and stress-ng's ``--cpu-load`` count by the
clock), so that a neighbour would make the work less instead of longer; neither computes and reads in step, and both need
more than a dozen shared libraries.
"""
