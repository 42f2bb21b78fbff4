"""Clusters from month to month: fitted from scratch or continued, and which DFUs move."""
