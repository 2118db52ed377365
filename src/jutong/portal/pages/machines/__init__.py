"""前置机: applied for, reviewed, assigned, signed for, recycled."""

from jutong.portal.pages.machines.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
