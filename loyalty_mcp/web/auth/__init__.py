"""Who calls: tokens, OAuth and the operator's session."""
