"""What a row of observations looks like to NumPy and to Gymnasium; all of it is read from the C module."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from bandsaw import _env

Observation = dict[str, npt.NDArray[np.float32]]

# The fields of a row that are seen by default, and under which names.
SEEN = {"step": "step", "targets": "target_features", "pairs": "pair_features", "here": "here", "last": "last"}
# Every value lies within: they are of order one, and checked by the environment's tests.
BOUND = 8.0


def _dtype(fields: list[tuple[str, str, int, tuple[int, ...]]], n_bytes: int) -> np.dtype[Any]:
    return np.dtype(
        {
            "names": [name for name, _, _, _ in fields],
            "formats": [(kind, shape) for _, kind, _, shape in fields],
            "offsets": [offset for _, _, offset, _ in fields],
            "itemsize": n_bytes,
        }
    )


ROW = _dtype(_env.ROW_FIELDS, _env.ROW_BYTES)
END = _dtype(_env.END_FIELDS, _env.END_BYTES)
UNIT = _dtype(_env.UNIT_FIELDS, _env.UNIT_BYTES)


def observation_space() -> spaces.Space[Observation]:
    """Of one environment: a Dict of Boxes."""
    boxes: dict[str, spaces.Space[Any]] = {
        name: spaces.Box(-BOUND, BOUND, (ROW[field].itemsize // 4,), np.float32) for name, field in SEEN.items()
    }
    return cast("spaces.Space[Observation]", spaces.Dict(boxes))


def views(rows: npt.NDArray[Any]) -> Observation:
    """The observation as views into rows; nothing is copied. Tables lie flat, as stable-baselines3 wants them:
    targets.reshape(-1, len(TARGET_COLUMNS)) has a menu entry a row."""
    return {name: rows[field].reshape(len(rows), -1) for name, field in SEEN.items()}
