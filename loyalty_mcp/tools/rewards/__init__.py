"""Tools about rewards and vouchers."""
