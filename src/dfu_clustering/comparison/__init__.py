"""What changed from one run to another, and why: sides -> changes -> comparison. Pure: reading is the steps' part."""
