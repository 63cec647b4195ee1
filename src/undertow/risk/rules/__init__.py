"""The rules of the kill switch, one file each: plain numbers and a given time in, a `Finding` out."""
