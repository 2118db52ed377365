"""Any dlt source a system administrator has allowed, run in a process of its own (decision 0032)."""

from jutong.outside.dlt.reading import DltSource

__all__ = ["DltSource"]
