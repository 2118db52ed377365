"""Any database SQLAlchemy has a dialect for (Oracle, SQL Server, 达梦 …); SQLAlchemy and the driver are extras."""

from jutong.outside.dialects.reading import DialectSource

__all__ = ["DialectSource"]
