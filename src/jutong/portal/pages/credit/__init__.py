"""公共信用: lists, timeliness, departments, one fact."""

from jutong.portal.pages.credit.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
