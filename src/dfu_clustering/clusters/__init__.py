"""K-means: how many clusters there are, and which DFU is in which."""
