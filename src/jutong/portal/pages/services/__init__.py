"""接口服务: what the gate answers, how to call it, how much it is called; drafting, reviewing, ending it."""

from jutong.portal.pages.services import console, drafting, route

# The form for a new one stands before the page of one called "new".
PAGES = (*drafting.PAGES, *route.PAGES, *console.PAGES)
ACTS = (*drafting.ACTS, *route.ACTS, *console.ACTS)

__all__ = ["ACTS", "PAGES"]
