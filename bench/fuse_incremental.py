"""One per cent of new rows into a register of three sources of ``rows`` each; see ``fuse.py``."""

from bench.fuse import incremental as run

__all__ = ["run"]
