"""Files of any format, told by their content: text tables, workbooks, DBF, JSON, XML, Parquet, packed or plain."""

from jutong.outside.files.folder import FileFolder, read_file
from jutong.outside.files.kinds import kind_of

__all__ = ["FileFolder", "kind_of", "read_file"]
