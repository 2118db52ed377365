"""留存: rules, holds, the archive, and what may be destroyed."""

from jutong.portal.pages.retention.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
