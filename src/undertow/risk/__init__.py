"""Risk: rules over plain numbers, the kill switch they throw, and what `undertow plan` says beforehand."""
