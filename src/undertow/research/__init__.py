"""The bench: calibration and its gate, comparison, tuning, ablation. Knows replay and data, never a venue."""
