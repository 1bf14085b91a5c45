"""Figures that papers and model zoos print, computed again from the catalog.

    a CSV file: their figure + what it asks for, in the grammar of claims ── counted ── verdict beside the recorded one

A figure is reproduced if our count rounds to what is printed, and in no other case. If it does not, the other
`READINGS` of it are tried, each by itself and then two at a time: a fixed list, of conventions and units. What none of
them gives stays a miss.
"""

from costmodel.claims.published.readings import READINGS, Reading
from costmodel.claims.published.table import Figure, figures
from costmodel.claims.published.verdict import VERDICTS, Found, check, chosen

__all__ = ["READINGS", "VERDICTS", "Figure", "Found", "Reading", "check", "chosen", "figures"]
