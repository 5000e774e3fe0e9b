"""Simulated surroundings of the API: faults, budgets and webhooks."""
