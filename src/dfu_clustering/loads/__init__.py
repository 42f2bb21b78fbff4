"""Loads of sales, publishes of labels, the events that announce both, and the sensor that looks for new sales."""
