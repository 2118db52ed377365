"""接口服务: what the gate answers, how to call it, how much it is called."""

from jutong.portal.pages.services.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
