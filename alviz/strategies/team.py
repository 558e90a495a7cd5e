"""Threads that each do their own blocks of a computation, with one BLAS thread in each."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

Map = Callable[..., Iterator[Any]]


@contextmanager
def team() -> Iterator[Map]:
    """A `map` that works on as many items at once as BLAS has threads, and gives the results in order; BLAS itself has one thread meanwhile.

    Threads inside a product wait for each other at its end, which takes longer than the product where it is small and the cores are shared.
    And what one thread computes is the same to the bit however many there are.
    """
    controller = _blas(len(sys.modules))
    threads = max((library["num_threads"] for library in controller.info()), default=1)
    with controller.limit(limits=1):
        if threads == 1:
            yield map
            return
        pool = ThreadPoolExecutor(threads)
        try:
            yield pool.map
        finally:
            pool.shutdown(cancel_futures=True)


@lru_cache(maxsize=1)
def _blas(modules: int) -> Any:
    """The BLAS libraries of the process. They are looked for again when modules were imported since, which may have brought one."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
