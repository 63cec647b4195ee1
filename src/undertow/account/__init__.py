"""The account of a session: PnL decomposed and reconciled, statistics, the HTML report."""
