"""The report of a run: artifacts -> model -> one self-contained page. Pure; the step around it reads and writes."""
