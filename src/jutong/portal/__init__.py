"""门户: the people's door, pages and the management API (use case UC-PORTAL-01)."""

from jutong.portal.app import make_portal
from jutong.portal.serving import serve

__all__ = ["make_portal", "serve"]
