"""数据标准: how each table is refined, where its columns come from and go, and its score over time."""

from jutong.portal.pages.standards.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
