"""库表交换: deliveries, their runs and reconciliations."""

from jutong.portal.pages.deliveries import making, route

# The form for a new one stands before the page of one called "new".
PAGES = (*making.PAGES, *route.PAGES)
ACTS = (*making.ACTS, *route.ACTS)

__all__ = ["ACTS", "PAGES"]
