"""模型: questions answered by a SELECT over granted columns, and the topic datasets they keep."""

from jutong.portal.pages.models.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
