"""What the model may do besides speaking: one decorated function a tool, what may be asked of it, and who may ask."""
