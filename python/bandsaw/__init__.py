"""Bandsaw's editing environment for Gymnasium: import bandsaw; gymnasium.make("Bandsaw-v0", data="recordings/")."""

from __future__ import annotations

import gymnasium

from bandsaw._env import (
    ACTIONS,
    PAIR_COLUMNS,
    REWARD_TERMS,
    STEP_COLUMNS,
    TARGET_COLUMNS,
    UNIT_COLUMNS,
    Songs,
    action_text,
)
from bandsaw.data import load_songs
from bandsaw.env import BandsawEnv
from bandsaw.vector import BandsawVectorEnv

__all__ = [
    "ACTIONS", "PAIR_COLUMNS", "REWARD_TERMS", "STEP_COLUMNS", "TARGET_COLUMNS", "UNIT_COLUMNS", "BandsawEnv",
    "BandsawVectorEnv", "Songs", "action_text", "load_songs",
]

if "Bandsaw-v0" not in gymnasium.registry:
    gymnasium.register(
        "Bandsaw-v0",
        entry_point="bandsaw.env:BandsawEnv",
        vector_entry_point="bandsaw.vector:BandsawVectorEnv",
    )
