"""A storm: real servers on one journal, a real ledger, and everything between them failing."""
