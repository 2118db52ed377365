"""规则组: rules stated once for many tables: who uses them, a change looked at before it holds, a table brought in."""

from jutong.portal.pages.rulesets.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
