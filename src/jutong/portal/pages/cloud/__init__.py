"""政务云资源账: stock, expansions, who asked for and got what."""

from jutong.portal.pages.cloud.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
