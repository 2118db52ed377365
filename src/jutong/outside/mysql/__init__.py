"""MySQL family (MySQL, MariaDB, OceanBase, TiDB): one snapshot, every type exactly, as Arrow batches."""

from jutong.outside.mysql.connecting import connect_mysql, mysql_name, mysql_text
from jutong.outside.mysql.reading import MysqlSource

__all__ = ["MysqlSource", "connect_mysql", "mysql_name", "mysql_text"]
