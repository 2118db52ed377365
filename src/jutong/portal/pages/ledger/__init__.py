"""交换记录: every exchange, its proof, and a receipt looked up."""

from jutong.portal.pages.ledger.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
