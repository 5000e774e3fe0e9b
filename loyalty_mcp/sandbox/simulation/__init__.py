"""What the sandbox simulates around the API: faults, budgets and webhooks."""
