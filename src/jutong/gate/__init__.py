"""网关: the machines' door. Answers granted calls from local replicas, evidence first.

``serve`` runs the process; ``replicate`` brings the replicas up to the lake once.  On the way of a call no
control database is asked and nothing leaves before the ledger holds it.  Procedure UC-SHARE-03.
"""

from jutong.gate.replicating import Replicated, replicate
from jutong.gate.serving import serve

__all__ = ["Replicated", "replicate", "serve"]
