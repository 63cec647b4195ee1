"""What a session did and what became of it, durable before it is acted on.

One SQLite file per session (``journal.db``): intents, answers, fills, funding payments, decisions. Orders,
positions and money can be rebuilt from it alone; docs/journal.md says what each row means and when it is
written.
"""
