"""Watching a session: the view, the terminal screen, plain lines, metrics, logs, alerts.

Nothing here trades. A session fills `SessionFacts`, a `SessionWatch` turns its makers' records into
a `SessionView`, and everything else reads views.
"""
