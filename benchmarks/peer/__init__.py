"""hftbacktest beside us: its environment, its rows, and our GLFT grid written for it."""
