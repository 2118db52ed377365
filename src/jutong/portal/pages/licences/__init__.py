"""电子证照: what is valid on any day, what runs out, one licence with its versions and holder."""

from jutong.portal.pages.licences.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
