"""应用: which systems may present themselves at the gate, and their tokens, shown once."""

from jutong.portal.pages.applications.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
