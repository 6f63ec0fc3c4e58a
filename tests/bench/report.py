"""What a measured process says of itself."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def tell(**seconds: float) -> None:
    """Print the times and this process's peak memory as one line of JSON."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({**seconds, "peak_mb": round(peak)}) + "\n")
