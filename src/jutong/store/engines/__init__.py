"""Engines: what differs between the programs that compute on the lake, one short file each.

``duckdb`` reads and writes the lake; ``spark`` reads a snapshot's Parquet and delete files for work that has
outgrown one machine.  Engines compute, the lake commits (design §7).
"""
