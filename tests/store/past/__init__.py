"""Databases as every past version left them, to be read by this one.

``<step>.sql`` is a dump of a database whose last step was that one, with a row in every table. To keep the present
version before a new step is added: ``python -m tests.store.past`` writes the newest step's.
"""
