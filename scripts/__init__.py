"""The programs that people type: argument parsing and one step call each."""
