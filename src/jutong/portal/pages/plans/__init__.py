"""归集计划: when sources are read, and what became of each run."""

from jutong.portal.pages.plans.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
