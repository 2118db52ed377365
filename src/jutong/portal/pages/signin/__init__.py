"""登录: the door of the city, and the two ways in: a form for people, a token for programs."""

from jutong.portal.pages.signin.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
