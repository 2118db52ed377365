"""填报: forms made from an entry, filled in by hand or in a workbook."""

from jutong.portal.pages.forms.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
