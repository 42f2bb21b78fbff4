"""Business labels: profiles in original units, rules and traits that name them, what changed."""
