"""One thread for arithmetic: the tests work on small arrays, where several threads mostly wait for each other."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
