"""Money: what a run costs, by the operator's prices, and who may spend how much. Pure.

Sums are whole micro-dollars (``int``), quantities whole millionths of their unit: nothing here is a float.
"""
