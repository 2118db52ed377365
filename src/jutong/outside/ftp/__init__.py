"""FTP, plain or under TLS."""

from jutong.outside.ftp.folder import FtpFolder

__all__ = ["FtpFolder"]
