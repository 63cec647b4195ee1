"""What a user would run instead: the GLFT grid and the symmetric ladder."""
