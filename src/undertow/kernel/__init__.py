"""The model: estimators, belief, decision. Compiled, pure, no I/O and no clock."""
