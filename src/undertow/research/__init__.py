"""The bench: makers compared, tuned, matched in risk, and taken apart phase by phase."""
