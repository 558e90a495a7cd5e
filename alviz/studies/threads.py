"""What a worker process does first: no more threads for arithmetic than it is given, and no life after its parent's."""

import os
import threading

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def begin(threads: int) -> None:
    """Prepare a worker process."""
    threading.Thread(target=_follow, daemon=True).start()
    limit(threads)


def _follow() -> None:
    """End this process when its parent does, even by a signal that nothing can catch: nobody would read its results."""
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


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
