"""攻坚行动: tasks on the frame of the plan, and the roadmap drawn from them."""

from jutong.portal.pages.campaign.route import ACTS, PAGES

__all__ = ["ACTS", "PAGES"]
