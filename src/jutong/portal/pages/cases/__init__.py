"""工单: what waits for me, every case I may see, one case with its clocks, history and moves."""

from jutong.portal.pages.cases.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
