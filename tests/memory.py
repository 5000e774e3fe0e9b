"""Where tests keep what need not outlive them: in memory, where the machine allows it.

Journals and ledgers wait for the disk at each step. A process that is killed loses nothing of
what it had written to memory, so tests prove the same on both, and do not wait for the machine.
"""

import os
from typing import Final

MEMORY: Final = next((place for place in ("/dev/shm",) if os.access(place, os.W_OK)), None)  # noqa: S108 - a fresh folder in it
"""For the `dir` of a temporary folder; None is the machine's own choice."""
