"""What a user would run instead: Avellaneda-Stoikov, the GLFT grid and the symmetric ladder."""
