"""The file for court: everything known of a lease at a place in the ledger, readable, and proven by the ledger."""
