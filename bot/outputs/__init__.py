"""The output of a prediction: parsed, downloaded, and paginated onto Discord messages."""
