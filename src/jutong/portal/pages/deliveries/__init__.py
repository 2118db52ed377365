"""库表交换: deliveries, their runs and reconciliations."""

from jutong.portal.pages.deliveries.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
