"""One converter per source. Each opens files and yields feeds; `undertow.data.convert` does the rest."""
