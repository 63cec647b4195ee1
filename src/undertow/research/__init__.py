"""Offline estimation: what is fitted on a recording and then frozen for the kernel to use."""
