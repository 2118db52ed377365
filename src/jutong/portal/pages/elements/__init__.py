"""数据元: kinds of values, how each is cleaned, questioned and masked; tried out on a value."""

from jutong.portal.pages.elements.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
