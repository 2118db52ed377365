"""安全日志: who did what to accounts, sessions, tokens and grants; for the auditor all of it."""

from jutong.portal.pages.security.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
