"""工作台: my approvals, what did not arrive, what is due, the last thirty days."""

from jutong.portal.pages.desk.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
