"""The offline verifier of court files and ledger exports: a second opinion, which imports nothing of the platform."""
