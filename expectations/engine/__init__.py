"""Great Expectations itself: how expectations are declared, run and read, and its Data Docs."""
