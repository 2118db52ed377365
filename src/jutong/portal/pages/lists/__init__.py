"""四张清单: supply, demand, negative, and the catalogue as a workbook; a demand written down."""

from jutong.portal.pages.lists.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
