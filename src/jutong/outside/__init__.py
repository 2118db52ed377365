"""外部系统: one folder per foreign system; a new kind is a copied folder and one line in ``open_source``.

Every kind answers the same three questions (``Source``): what is there, which file was delivered, and give me
this table as Arrow batches.  PostgreSQL is also written to (``jutong.outside.postgres``: ``create_table_sql``,
``copy_rows``, ``merge_sql``, ``content_hash``), and the MySQL family (``jutong.outside.mysql``: ``insert_rows``,
``merge_rows``, ``delete_rows``), always inside the caller's transaction.
"""

from jutong.outside.changes import UNCHANGED, Change, Name, Transaction, lsn, lsn_text
from jutong.outside.files import FileFolder, kind_of, read_file
from jutong.outside.http import Caller as HttpCaller
from jutong.outside.http import Digits, checked_url
from jutong.outside.mysql import (
    connect_mysql,
    delete_rows,
    insert_rows,
    merge_rows,
    mysql_name,
    writing_session,
)
from jutong.outside.opening import KINDS, Capture, capturable, default_schema, open_capture, open_source
from jutong.outside.patience import NotLetIn, opened_within
from jutong.outside.postgres import (
    connect_postgres,
    content_hash,
    copy_rows,
    create_table_sql,
    merge_sql,
)
from jutong.outside.ranges import Part
from jutong.outside.reading import Divisible, Found, Notice, Reading, Since, Source, Widened
from jutong.outside.remote import HALF, MARKS, REMOTE_KINDS, Remote, RemoteFile, data_files, open_remote

__all__ = [
    "HALF",
    "KINDS",
    "MARKS",
    "REMOTE_KINDS",
    "UNCHANGED",
    "Capture",
    "Change",
    "Digits",
    "Divisible",
    "FileFolder",
    "Found",
    "HttpCaller",
    "Name",
    "NotLetIn",
    "Notice",
    "Part",
    "Reading",
    "Remote",
    "RemoteFile",
    "Since",
    "Source",
    "Transaction",
    "Widened",
    "capturable",
    "checked_url",
    "connect_mysql",
    "connect_postgres",
    "content_hash",
    "copy_rows",
    "create_table_sql",
    "data_files",
    "default_schema",
    "delete_rows",
    "insert_rows",
    "kind_of",
    "lsn",
    "lsn_text",
    "merge_rows",
    "merge_sql",
    "mysql_name",
    "open_capture",
    "open_remote",
    "open_source",
    "opened_within",
    "read_file",
    "writing_session",
]
