"""Databases as every past version left them.

``<step>.sql`` is the dump of a database whose last migration was that one, with a row in every table.
``python -m tests.store.past`` writes the dump of the latest step.
"""
