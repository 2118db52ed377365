"""密钥: signing, sealing and keyed hashes behind one protocol; software keys now, an HSM later.

Nothing outside this room sees a private key, and no key or secret ever appears in a repr or a log line.
"""

from jutong.keys.provider import BadSignature, KeyProvider, verify_ed25519
from jutong.keys.software import SoftwareKeys

__all__ = ["BadSignature", "KeyProvider", "SoftwareKeys", "verify_ed25519"]
