"""谁看过: who was given a person's or company's record; the look-up itself is recorded first."""

from jutong.portal.pages.seen.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
