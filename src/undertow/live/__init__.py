"""A live session put together: exchange, client, makers, execution, screen, report."""
