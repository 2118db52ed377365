"""问题数据: what was wrong with which row, by rule, by department; exported for the provider's clerk."""

from jutong.portal.pages.issues.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
