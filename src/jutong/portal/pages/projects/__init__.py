"""重点项目, by milestone."""

from jutong.portal.pages.projects.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
