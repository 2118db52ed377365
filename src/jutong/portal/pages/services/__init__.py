"""接口服务: what the gate answers, how to call it, how much it is called."""

from jutong.portal.pages.services import console, route

PAGES = (*route.PAGES, *console.PAGES)
ACTS = (*route.ACTS, *console.ACTS)

__all__ = ["ACTS", "PAGES"]
