"""批次: deliveries exactly as given, their receipts, and given = accepted + rejected + duplicates."""

from jutong.portal.pages.batches.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
