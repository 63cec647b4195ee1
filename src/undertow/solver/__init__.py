"""Exact solutions of the market-making problem, against which the closed forms are held.

`problem` states it, `drift` solves one lot per fill on inventory × drift, `inventory` ladders and
passing signals on inventory alone, `policies` values any ladder, `finite` the finite-horizon problems
of Guéant–Lehalle–Fernandez-Tapia and Cartea–Jaimungal–Penalva, `avellaneda` the simulation of
Avellaneda and Stoikov; `closed` is what the maker computes, `compare` the two side by side.
docs/solver.md.
"""
