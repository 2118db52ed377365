"""样例城市的目录与清单: 7488 entries and 1773 demands, pure rows."""

from jutong.city.catalogue.demands import DEMANDS, demands
from jutong.city.catalogue.entries import ENTRIES, WITHHELD, entries, entry_of_table

__all__ = ["DEMANDS", "ENTRIES", "WITHHELD", "demands", "entries", "entry_of_table"]
