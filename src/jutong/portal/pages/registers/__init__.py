"""基础库: all of them looked through, how good each is, the pairs that wait for a person."""

from jutong.portal.pages.registers.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
