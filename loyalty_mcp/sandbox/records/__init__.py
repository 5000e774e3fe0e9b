"""What the store keeps, one module per noun: each function takes the open unit."""
