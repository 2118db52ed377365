"""一屏统览: seven figures and what stands behind them, on one dark stage; every number can be questioned."""

from jutong.portal.pages.screen.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
