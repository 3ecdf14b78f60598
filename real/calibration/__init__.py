"""Measuring Docker hosts: on a `bench` with containers of ours, from which `calibrate` makes a profile for the tank."""
