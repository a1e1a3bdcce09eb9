"""Lets the suite keep what it compiles, also where the environment says otherwise.

It starts hundreds of processes, and each worker rewrites the asserts of three hundred modules: with
PYTHONDONTWRITEBYTECODE, every one of them compiles everything anew.
"""

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
