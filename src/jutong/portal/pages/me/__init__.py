"""我: how I see, my password, my second factor, what I did lately."""

from jutong.portal.pages.me.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
