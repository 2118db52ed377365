"""A small city through the rooms' own doors, for tests of pages and for looking at them."""

from __future__ import annotations

from jutong.database import Database, open_database
from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger
from jutong.people import Department, add_departments, add_user, hash_password
from jutong.portal.visits import Rooms
from jutong.settings import Settings
from jutong.store import Store

PASSWORD = "Correct-horse-9"

DEPARTMENTS = (
    Department("D01", "邵阳市行政审批服务局", "市行政审批服务局", "department", steward=True, sort=1),
    Department("D02", "邵阳市市场监督管理局", "市市场监管局", "department", sort=2),
    Department("D03", "邵阳市人力资源和社会保障局", "市人社局", "department", sort=3),
    Department("D04", "邵阳市水利局", "市水利局", "department", sort=4),
    Department("D05", "邵阳市审计局", "市审计局", "department", sort=5),
    Department("C01", "双清区", "双清区", "county", division_code="430502", sort=50),
)

#: login → (name, department, roles); the stranger has an account and no business anywhere.
CAST: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "steward": ("顾清源", "D01", ("steward",)),
    "provider": ("林知秋", "D02", ("provider_officer",)),
    "provider-head": ("郑守一", "D02", ("provider_head",)),
    "consumer": ("苏暮云", "D03", ("consumer_officer",)),
    "consumer-head": ("韩启明", "D03", ("consumer_head",)),
    "auditor": ("严可信", "D05", ("auditor",)),
    "security": ("安如山", "D01", ("security_admin",)),
    "system": ("程守正", "D01", ("system_admin",)),
    "leader": ("常思远", "D01", ("leader",)),
    "stranger": ("外人", "D04", ("consumer_head",)),
}


def seed_people(database: Database) -> None:
    """Departments and the cast; running it again changes nothing."""
    kept = hash_password(PASSWORD)
    with database.connection() as connection:
        add_departments(connection, DEPARTMENTS)
        for login, (name, department, roles) in CAST.items():
            add_user(connection, login, name, department, roles, password_hash=kept, must_change=False)


def seed(rooms: Rooms) -> None:
    """Everything a page can show."""
    seed_people(rooms.database)


def seed_home(settings: Settings) -> None:
    """A data folder with the small city in it."""
    with open_database(settings) as database:
        keys = SoftwareKeys.open(settings.keys_folder)
        ledger = Ledger.open(settings.ledger_folder, keys, origin=settings.ledger_origin)
        with Store.open(database, settings) as store:
            seed(Rooms(database, store, ledger, keys, settings))
