"""数据源: the departments' systems, how they answered last, tested on demand."""

from jutong.portal.pages.sources.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
