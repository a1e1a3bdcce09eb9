"""The models that come with the stand-in, one JSON file each.

``schemas`` is what Cog writes for the model: Input, Output and the enums that they refer to. ``predictor`` is the name
of a function in ``predictors.PREDICTORS``; without it, an output that matches the Output schema is made up.
"""
