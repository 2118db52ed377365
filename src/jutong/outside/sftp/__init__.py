"""SFTP, with the server's key pinned."""

from jutong.outside.sftp.folder import SftpFolder

__all__ = ["SftpFolder"]
