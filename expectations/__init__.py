"""Gates: what the warehouse's tables, the features and the labels must be like, in Great Expectations."""
