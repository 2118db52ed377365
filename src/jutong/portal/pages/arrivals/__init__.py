"""到件: files given by hand, how they will be read, and what became of them."""

from jutong.portal.pages.arrivals.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
