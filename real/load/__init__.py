"""Containers that use what a trace says: the program, its image, and what it is told to do.

The program is our own. stress-ng and fio compute a part of a core by the clock (``--cpu-load``, ``cpuio``), so that
neighbours make the work less instead of longer; neither keeps computing and disk in step, and each needs a dozen
shared libraries.
"""
