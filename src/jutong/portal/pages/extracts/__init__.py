"""文件: made under a grant, fetched once, traced if they turn up elsewhere."""

from jutong.portal.pages.extracts.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
