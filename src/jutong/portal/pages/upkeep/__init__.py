"""存储的日常: housekeeping, room on the disk, and backups."""

from jutong.portal.pages.upkeep.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
