"""A short time slice is asked for, and granted where the kernel knows such wishes."""

import platform
import re
from concurrent.futures import ThreadPoolExecutor

from predictor.wakeup import SLICE_NS, ask_for_short_slices


def test_a_short_slice_is_in_force_where_the_kernel_grants_it() -> None:
    """In a thread of its own, because it is the asking thread that gets it."""
    with ThreadPoolExecutor(1) as threads:
        slice_ns = threads.submit(ask_for_short_slices).result()
    release = tuple(int(number) for number in re.findall(r"\d+", platform.release())[:2])
    granted = platform.system() == "Linux" and release >= (6, 12) and slice_ns != 0
    assert slice_ns == (SLICE_NS if granted else 0)
