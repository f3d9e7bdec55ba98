"""Number formats: one frozen description each, with an exact codec in NumPy."""

from repro.formats.catalogue import Format, catalogue, parse
from repro.formats.integer import Integer
from repro.formats.minifloat import Minifloat

__all__ = ["Format", "Integer", "Minifloat", "catalogue", "parse"]
