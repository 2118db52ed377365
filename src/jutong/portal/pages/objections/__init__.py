"""校核申请: a consumer says what is wrong with data it was given (第26条)."""

from jutong.portal.pages.objections.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
