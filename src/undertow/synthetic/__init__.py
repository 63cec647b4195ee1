"""Generated markets, fitted by code from recordings."""
