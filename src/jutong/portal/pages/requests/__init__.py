"""共享申请: what a department asks for, in the law's words."""

from jutong.portal.pages.requests.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
