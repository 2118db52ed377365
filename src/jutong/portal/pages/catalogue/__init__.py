"""资源目录: found by words and facets, one entry with its lineage, items, terms, users and versions."""

from jutong.portal.pages.catalogue.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
