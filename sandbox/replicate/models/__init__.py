"""The models that the stand-in comes with, one JSON file each.

``schemas`` is what Cog writes for the model: Input, Output and the enums that they refer to. ``behaviour`` names the
function in ``behaviours.py`` that plays the model; without it, something that fits the Output schema is invented.
"""
