"""机构与人员: the organisation, its accounts, and the three administrators' work."""

from jutong.portal.pages.people.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
