"""基础库: how good each register is, what waits for people, licences by validity, credit by timeliness."""

from jutong.portal.pages.registers.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
