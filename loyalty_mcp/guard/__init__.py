"""The guard: agreement before a change, one change at a time, and the truth about its outcome."""
