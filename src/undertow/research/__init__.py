"""Calibration of what the kernel believes: drift, features, alphas; and the gate they must pass."""
