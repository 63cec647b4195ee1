"""The order manager: a maker's actions to the venue, and what comes back as ACK and FILL rows."""
