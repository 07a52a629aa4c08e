from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

ACTIONS: int
VERSION: int
UNIT_FEATURES: int
ROW_BYTES: int
END_BYTES: int
UNIT_BYTES: int
ROW_FIELDS: list[tuple[str, str, int, tuple[int, ...]]]
UNIT_FIELDS: list[tuple[str, str, int, tuple[int, ...]]]
END_FIELDS: list[tuple[str, str, int, tuple[int, ...]]]
STEP_COLUMNS: list[tuple[str, int, str]]
TARGET_COLUMNS: list[tuple[str, int, str]]
PAIR_COLUMNS: list[tuple[str, int, str]]
UNIT_COLUMNS: list[tuple[str, int, str]]
REWARD_TERMS: tuple[str, ...]

def action_text(a: int) -> str: ...

class Songs:
    def __init__(self, blobs: Sequence[bytes]) -> None: ...
    def __len__(self) -> int: ...
    def describe(self, i: int) -> dict[str, Any]: ...
    def features(self, i: int) -> bytes: ...
    def tunes_of_takes(self, i: int) -> list[int]: ...
    def units(self, i: int) -> bytes: ...

class Vec:
    def __init__(self, songs: Songs, n: int = 1) -> None: ...
    def reset(self, i: int, seed: int, ask: dict[str, Any], rows: npt.NDArray[Any]) -> None: ...
    def step(
        self,
        actions: npt.NDArray[Any],
        go_on: bool,
        rows: npt.NDArray[Any],
        rewards: npt.NDArray[Any],
        done: npt.NDArray[Any],
        refused: npt.NDArray[Any],
        ends: npt.NDArray[Any],
    ) -> None: ...
    def edit(self, i: int) -> list[tuple[int, int, float]]: ...
    def job(self, i: int) -> dict[str, Any]: ...
