"""清除: what must be gone for good, who asked, who confirmed, and the certificates."""

from jutong.portal.pages.purges.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
