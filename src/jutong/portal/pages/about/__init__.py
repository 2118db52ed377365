"""Pages that explain: the sample's scale, accessibility, the management API."""

from jutong.portal.pages.about.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
