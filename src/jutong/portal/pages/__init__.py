"""One folder per topic: route, template, English. Here they are put in a row, and nowhere else."""

from jutong.portal.pages import cases, desk, me, notices, signin

_TOPICS = (signin, me, desk, cases, notices)

PAGES = tuple(page for topic in _TOPICS for page in topic.PAGES)
ACTS = tuple(act for topic in _TOPICS for act in topic.ACTS)

__all__ = ["ACTS", "PAGES"]
