"""Executable reproduction of low-precision arithmetic on FPGAs: formats, networks, accumulators, silicon.

Rooms import only from rooms below them; see the layout in README.md.
"""
