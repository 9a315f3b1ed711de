"""Rate limits: requests are paced, never refused and never bunched."""

from __future__ import annotations

from beautyspot.limits.limiter import Limiter, LimiterState, Reservation, evaluate_cost, validate_cost

__all__ = ["Limiter", "LimiterState", "Reservation", "evaluate_cost", "validate_cost"]
