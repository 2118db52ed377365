"""质量评分: departments by the six dimensions of GB/T 36344, with their trend; every score opens its rows."""

from jutong.portal.pages.scores.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
