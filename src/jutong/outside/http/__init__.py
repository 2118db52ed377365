"""HTTP JSON interfaces: their records as rows of text page by page, or one call on somebody's behalf."""

from jutong.outside.http.addresses import checked_url
from jutong.outside.http.answers import Digits
from jutong.outside.http.calling import Caller
from jutong.outside.http.reading import HttpSource

__all__ = ["Caller", "Digits", "HttpSource", "checked_url"]
