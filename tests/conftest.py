"""Tests run side by side: the libraries under them keep to one thread each, where nothing else is asked for."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
