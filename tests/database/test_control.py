"""The control database: migrated once, and the lake's role sees nothing of it."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from jutong.database import migrate, open_database
from jutong.terms import Broken, Conflict, Unavailable


def test_migrating_again_applies_nothing(database):
    with database.connect(autocommit=True) as connection:
        assert migrate(connection) == []


def test_the_lake_role_sees_no_control_table(database):
    with (
        psycopg.connect(database.lake_url) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT * FROM jutong.migration")


def test_a_newer_database_is_refused(database):
    with database.connect(autocommit=True) as connection:
        connection.execute("INSERT INTO migration VALUES (9999, 'future', 'x')")
        with pytest.raises(Conflict, match="9999"):
            migrate(connection)
        connection.execute("DELETE FROM migration WHERE number = 9999")


def test_an_edited_migration_is_noticed(database):
    with database.connect(autocommit=True) as connection:
        row = connection.execute("SELECT number, sha256 FROM migration ORDER BY number LIMIT 1").fetchone()
        if row is None:
            pytest.fail("no migration is shipped")
        connection.execute("UPDATE migration SET sha256 = 'x' WHERE number = %s", (row["number"],))
        with pytest.raises(Broken):
            migrate(connection)
        connection.execute("UPDATE migration SET sha256 = %(sha256)s WHERE number = %(number)s", row)


def test_an_unreachable_database_is_said_without_its_password(settings):
    with pytest.raises(Unavailable) as caught:
        open_database(replace(settings, database_url="postgresql://u:topsecret@127.0.0.1:1/none"))
    assert caught.value.code == "database.unreachable"
    assert "topsecret" not in str(caught.value)
