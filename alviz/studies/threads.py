"""Threads for arithmetic in a process: as many as it is given, so that several processes do not fight for the cores."""

import os

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def limit(threads: int) -> None:
    """From now on use `threads` threads at most in this process, in libraries that are loaded and in those that will be."""
    for variable in VARIABLES:
        os.environ[variable] = str(threads)
    import sys

    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
