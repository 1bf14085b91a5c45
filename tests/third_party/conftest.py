"""What the tests here share lies beside them: `spellings` and `counters`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

try:
    import torchvision  # noqa: F401
except ImportError:
    pass
except RuntimeError:
    # A build for another torch, which some packages require and ptflops tries to import: as good as none.
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    sys.modules["torchvision"] = None  # type: ignore[assignment]
