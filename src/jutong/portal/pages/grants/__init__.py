"""授权: who may have what, on what ground, until when; suspended, resumed, terminated with a reason."""

from jutong.portal.pages.grants.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
