"""The guard: agreement before a change, one change at a time, and true outcomes."""
