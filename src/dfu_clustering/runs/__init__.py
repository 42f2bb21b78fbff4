"""What runs leave behind: their folders, the loads they answer, the ledger, and the history of labels."""
