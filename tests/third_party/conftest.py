"""What the tests here share lies beside them: `spellings` and `counters`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
