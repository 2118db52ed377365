"""CSV, in both directions of trust: our own strict look at every byte, then Arrow's fast parser."""

from jutong.outside.csv.dialect import Dialect
from jutong.outside.csv.folder import CsvFolder, read_csv, read_text

__all__ = ["CsvFolder", "Dialect", "read_csv", "read_text"]
