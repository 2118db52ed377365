r"""Every type of the MySQL family: which item type it becomes, and the SQL whose text is its exact value.

Text, dates, zoneless times and whole numbers up to 63 bits keep their type; every other value arrives as text:

    DECIMAL, BIGINT UNSIGNED   the server's own digits
    FLOAT                      as the double it is, for its own text has only six digits
    DOUBLE                     the shortest text that reads back as the same number
    BIT(n)                     n binary digits
    BINARY, BLOB, geometry     \x and hexadecimal digits, as PostgreSQL writes them
    TIME, ENUM, SET, JSON, …   the server's own text
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jutong.outside.mysql.connecting import mysql_name

_INTEGERS = {"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year"}
_TEXTS = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json", "time"}
_HEX = {
    "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector", "geometry", "point", "linestring",
    "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection",
}  # fmt: skip
_DATES = {"date": "date", "datetime": "timestamp", "timestamp": "timestamp"}
#: Types by which rows may be read in order and from a point on.
WATERMARKS = {*_DATES, *_INTEGERS, "char", "varchar"}
#: Types whose text, given back to the server, stands for the same place in the table's order.
ORDERED = {*WATERMARKS, "decimal", "numeric"}


def item_type(column: Mapping[str, Any]) -> str:
    """The item type of a row of ``queries.columns`` (``data_type``, ``column_type``)."""
    kind = column["data_type"]
    if kind in _INTEGERS:
        return "text" if kind == "bigint" and "unsigned" in column["column_type"] else "integer"
    return _DATES.get(kind, "text")


def selected(column: Mapping[str, Any]) -> str:
    """SQL that reads a column exactly, named as the column is."""
    name, kind = mysql_name(column["column_name"]), column["data_type"]
    if kind in _INTEGERS or kind in _DATES or kind in _TEXTS or kind in ("decimal", "numeric", "double"):
        return name
    if kind == "float":
        return f"({name} + 0e0) AS {name}"
    if kind == "bit":
        return f"LPAD(BIN({name} + 0), {int(column['numeric_precision'])}, '0') AS {name}"
    if kind in _HEX:
        return f"CONCAT(CHAR(92 USING utf8mb4), 'x', LOWER(HEX({name}))) AS {name}"
    return f"CAST({name} AS CHAR) AS {name}"
