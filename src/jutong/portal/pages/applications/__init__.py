"""应用: which systems may present themselves at the gate, and their tokens, shown once."""

from jutong.portal.pages.applications import developer, route

PAGES = (*route.PAGES, *developer.PAGES)
ACTS = (*route.ACTS, *developer.ACTS)

__all__ = ["ACTS", "PAGES"]
