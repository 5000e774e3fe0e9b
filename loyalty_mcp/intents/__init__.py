"""Intents: their life, the policy, the audit trail and the journal that keeps them."""
