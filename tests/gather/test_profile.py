"""探查: what a table holds, told without taking anything."""

from __future__ import annotations

from tests.gather.foreign_city import City, Foreign

from jutong.gather import find_source, find_tables, profile_tables, verify


def test_a_profile_tells_types_gaps_patterns_keys_and_elements(
    city: City, foreign: Foreign, foreign_url: str
) -> None:
    foreign.execute(
        "CREATE TABLE t (id int PRIMARY KEY, uscc text, phone text, founded date, note text, updated_at timestamp)"
    )
    rows = [
        (1, "91430500MA4L1A2B3X", "13873901234", "2020-01-01", None, "2024-01-01 10:00:00"),
        (2, "91430500MA4L1A2B3X", "13873901235", "2021-02-03", "", "2024-01-02 10:00:00"),
        (3, "91430500MA4L1A2B3X", "13873901236", "infinity", "邵阳A1", "2024-01-03 10:00:00"),
    ]
    for row in rows:
        foreign.execute("INSERT INTO t VALUES (%s, %s, %s, %s, %s, %s)", row)
    city.declare("postgres", {"url": foreign_url}, {"name": "t", "locator": {"table": "t"}})
    with city.database.connection() as connection:
        source, tables = find_source(connection, city.source), find_tables(connection, city.source)
    (told,) = profile_tables(source, tables)
    assert (told.rows, told.whole, told.keys) == (3, True, ("id",))
    columns = {column.name: column for column in told.columns}
    assert (columns["id"].key, columns["uscc"].key, columns["uscc"].distinct) == (True, False, 1)
    assert (columns["note"].nulls, columns["note"].empty) == (1, 1)
    assert columns["note"].patterns == (("", 1), ("汉…A9", 1))
    assert columns["phone"].patterns == (("99999999999", 3),)
    assert (columns["phone"].element, columns["phone"].confidence) == ("mobile", 1.0)
    assert [column.name for column in told.columns if column.watermark] == ["updated_at"]
    assert columns["founded"].most == "infinity"
    (few,) = profile_tables(source, tables, sample=2)
    assert (few.rows, few.whole) == (2, False)


def test_an_increment_is_verified_by_the_newest_version_of_each_key(
    city: City, foreign: Foreign, foreign_url: str
) -> None:
    foreign.execute("CREATE TABLE t (id int PRIMARY KEY, v text, at timestamp)")
    foreign.execute("INSERT INTO t VALUES (1, 'a', '2024-01-01'), (2, 'b', '2024-01-02')")
    city.declare(
        "postgres",
        {"url": foreign_url},
        {
            "name": "t",
            "locator": {"table": "t"},
            "mode": "incremental",
            "watermark_item": "at",
            "keys": ("id",),
        },
    )
    city.take("r1")
    foreign.execute("UPDATE t SET v = 'c', at = '2024-01-03' WHERE id = 1")
    city.take("r2")
    with city.database.connection() as connection:
        (table,) = find_tables(connection, city.source)
    assert verify(table, database=city.database, store=city.store).same
    foreign.execute("DELETE FROM t WHERE id = 2")
    told = verify(table, database=city.database, store=city.store)
    assert (told.same, told.here.rows, told.there.rows) == (False, 2, 1)
