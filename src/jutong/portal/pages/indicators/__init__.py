"""指标: figures the platform counts, each a query; indicators the city reports, each with its report."""

from jutong.portal.pages.indicators.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
