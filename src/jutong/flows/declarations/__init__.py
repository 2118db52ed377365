"""A city declared as YAML: departments, applications, entries, rule sets, sources, registers, models, services.

``apply`` brings a city to what files say, as often as one likes; ``export`` says what a city is in the same words.
Secrets are never in a declaration, only where they are found (``env:NAME``, ``file:PATH``).
"""

from jutong.flows.declarations.applying import Change, apply
from jutong.flows.declarations.exporting import export, write
from jutong.flows.declarations.forms import KINDS
from jutong.flows.declarations.reading import Declared, read

__all__ = ["KINDS", "Change", "Declared", "apply", "export", "read", "write"]
