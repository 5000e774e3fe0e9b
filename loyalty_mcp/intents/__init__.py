"""Intents: their states, the policy, the audit trail and the journal."""
