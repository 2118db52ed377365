"""存储: the lake behind one door. Zones, declared datasets, merges, net changes, snapshots, upkeep.

Rooms write through ``Store.writing`` or ``Store.write``, read through ``Store.reading``, and follow through
``Store.changes``.  Plan SQL names lake tables ``lake.<zone>.<table>``.
"""

from jutong.store.ageing import History, thinned
from jutong.store.archiving import Part
from jutong.store.changes import Changes
from jutong.store.engines.spark import SparkTables, spark_running
from jutong.store.files import Files
from jutong.store.guard import Bounds, View, checked_sql, described_sql, filter_sql
from jutong.store.history import Version
from jutong.store.purging import SHORTEST, Sought, Struck, fold
from jutong.store.reading import Reading
from jutong.store.room import Room, full_on, room_of
from jutong.store.spec import DatasetSpec, column_type, is_past, table_sql
from jutong.store.store import Store
from jutong.store.upkeep import Damage, Due
from jutong.store.writing import AlreadyCommitted, Merged, Writer

__all__ = [
    "SHORTEST",
    "AlreadyCommitted",
    "Bounds",
    "Changes",
    "Damage",
    "DatasetSpec",
    "Due",
    "Files",
    "History",
    "Merged",
    "Part",
    "Reading",
    "Room",
    "Sought",
    "SparkTables",
    "Store",
    "Struck",
    "Version",
    "View",
    "Writer",
    "checked_sql",
    "column_type",
    "described_sql",
    "filter_sql",
    "fold",
    "full_on",
    "is_past",
    "room_of",
    "spark_running",
    "table_sql",
    "thinned",
]
