"""MySQL family (MySQL, MariaDB, OceanBase, TiDB) both ways: read in one snapshot, every type exactly; written by
many rows to a statement, in the caller's transaction."""

from jutong.outside.mysql.capturing import MysqlCapture
from jutong.outside.mysql.connecting import connect_mysql, mysql_name, mysql_text, parts_of
from jutong.outside.mysql.reading import MysqlSource
from jutong.outside.mysql.writing import delete_rows, insert_rows, merge_rows, value_lists, writing_session

__all__ = [
    "MysqlCapture",
    "MysqlSource",
    "connect_mysql",
    "delete_rows",
    "insert_rows",
    "merge_rows",
    "mysql_name",
    "mysql_text",
    "parts_of",
    "value_lists",
    "writing_session",
]
