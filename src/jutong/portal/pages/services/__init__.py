"""接口服务: what the gate answers, how to call it, how much it is called; drafting, reviewing, ending it."""

from jutong.portal.pages.services import console, drafting, route, selecting

# The forms for a new one stand before the pages of ones called "new" and "select".
PAGES = (*drafting.PAGES, *selecting.PAGES, *route.PAGES, *console.PAGES)
ACTS = (*drafting.ACTS, *selecting.ACTS, *route.ACTS, *console.ACTS)

__all__ = ["ACTS", "PAGES"]
