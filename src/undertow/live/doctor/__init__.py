"""Is everything fit to trade? One finding per question, each with what to do about it."""

from undertow.live.doctor.examine import Patient, examine
from undertow.live.doctor.finding import Finding, State

__all__ = ["Finding", "Patient", "State", "examine"]
