"""Labels that people set by hand, for a time and for a reason, on top of those that the clusters give."""
