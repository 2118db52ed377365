"""样例城市: a synthetic Shaoyang, deterministic at every scale, with systems that are real and a truth to hold against.

Rows that need no system (``departments``, ``users``, ``entries``, ``demands``, ``applications``, ``source_tables``)
are pure.  ``write_sources`` makes the departments' databases, files and workbooks, ``advance`` moves them on by a
round, ``drop_sources`` takes them away.  ``run_demo`` walks the whole journey.  What was really written, every
seeded error and who every company really is go to ``DIR/truth``, which only ``evaluate_dirt`` here and the other
rooms' evaluation may open.
"""

from jutong.city.applications import applications
from jutong.city.catalogue import demands, entries, entry_of_table
from jutong.city.declarations import rule_set_uses, source_tables, sources
from jutong.city.demo import Closing, outside_world, run_demo
from jutong.city.departments import departments
from jutong.city.dirt import DUPLICATES, KINDS, Dirt
from jutong.city.evaluation import Score, evaluate_dirt, wrongly_cleaned
from jutong.city.plan import DEFAULT_SCALE, CityPlan, SourcePlan, TablePlan, plan, units_with_sources
from jutong.city.registers import legal_entity, models, registers
from jutong.city.rows import Application, Call, Delivered, Demand, Department, User
from jutong.city.sharing import FILES, taken_files
from jutong.city.systems import Mark, Written, advance, drop_sources, marks, write_sources
from jutong.city.truth import truth, truth_folder
from jutong.city.users import users

__all__ = [
    "DEFAULT_SCALE",
    "DUPLICATES",
    "FILES",
    "KINDS",
    "Application",
    "Call",
    "CityPlan",
    "Closing",
    "Delivered",
    "Demand",
    "Department",
    "Dirt",
    "Mark",
    "Score",
    "SourcePlan",
    "TablePlan",
    "User",
    "Written",
    "advance",
    "applications",
    "demands",
    "departments",
    "drop_sources",
    "entries",
    "entry_of_table",
    "evaluate_dirt",
    "legal_entity",
    "marks",
    "models",
    "outside_world",
    "plan",
    "registers",
    "rule_set_uses",
    "run_demo",
    "source_tables",
    "sources",
    "taken_files",
    "truth",
    "truth_folder",
    "units_with_sources",
    "users",
    "write_sources",
    "wrongly_cleaned",
]
