"""Labels go to dim_dfu in one transaction, with a journal and a report of what it did."""
