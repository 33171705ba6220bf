"""Finds the helpers in tests/gwtest; the programs are those of GW_BUILD (process.build_dir)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
