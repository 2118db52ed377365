"""搜索: one box for entries, companies, cases, batches and grants."""

from jutong.portal.pages.search.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
