"""Grids of runs, the claims they test, and what is measured."""
