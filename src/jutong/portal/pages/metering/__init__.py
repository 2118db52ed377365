"""计量: how often and how much, by day, department, application, entry and method; every total opens."""

from jutong.portal.pages.metering.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
