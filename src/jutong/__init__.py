"""Jutong 聚通: a city's data gathered, cleaned, merged, catalogued, shared and used, with evidence."""

__version__ = "0.3.0"
