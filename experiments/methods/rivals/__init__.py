"""Other people's implementations of attribution, as referees. They need captum and kronfluence."""

from __future__ import annotations

from .ekfac import KronfluenceEKFAC
from .tracin import CaptumTracInCPFast

__all__ = ["CaptumTracInCPFast", "KronfluenceEKFAC"]
