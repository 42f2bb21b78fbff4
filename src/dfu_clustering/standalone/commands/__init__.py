"""The commands of ``dfu-clustering``, a module each: what it is for, its arguments, its work."""
