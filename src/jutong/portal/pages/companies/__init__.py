"""法人基础库: golden records found, and one company: why every value, its licences, its credit, who looked."""

from jutong.portal.pages.companies.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
