"""HTTP JSON interfaces, page by page: their records as rows of text."""

from jutong.outside.http.reading import HttpSource

__all__ = ["HttpSource"]
