"""What runs leave behind: their folders, the loads they answer, and the ledger."""
