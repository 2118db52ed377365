"""人口: looked up on a stated ground, masked by grade."""

from jutong.portal.pages.persons.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
