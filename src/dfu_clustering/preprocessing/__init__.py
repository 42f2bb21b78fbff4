"""The space in which DFUs are compared: transformers, shape columns, the fitted pipeline."""
