"""消息: what I and my department were told."""

from jutong.portal.pages.notices.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
