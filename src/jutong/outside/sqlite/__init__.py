"""SQLite: a database file read as it stands at one instant."""

from jutong.outside.sqlite.reading import SqliteSource

__all__ = ["SqliteSource"]
