"""Data sets, one file each; `fetch.py` brings those that are no pip package."""
