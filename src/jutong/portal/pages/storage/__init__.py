"""存储: what lies where in the lake, since when, in how many files; one dataset looked into."""

from jutong.portal.pages.storage.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
