"""Recordings for the environment: Songs, as `bandsaw featurize DATA` leaves them in DATA/.bandsaw/blobs."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Union

from bandsaw import _env

PathLike = Union[str, "os.PathLike[str]"]
Data = Union[PathLike, Sequence[PathLike]]


def _blobs(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder")
    found = sorted((path / ".bandsaw" / "blobs").glob("??/*")) or sorted(path.glob("??/*"))
    found = [p for p in found if len(p.name) == 64]
    if not found:
        raise ValueError(f"{path}: nothing was featurized here yet: run `bandsaw featurize {path}`")
    return found


@functools.lru_cache(maxsize=8)
def _load(paths: tuple[str, ...]) -> _env.Songs:
    newest: dict[tuple[str, ...], tuple[int, str, bytes]] = {}
    for path in paths:
        for file in _blobs(Path(path)):
            blob = file.read_bytes()
            try:
                about = _env.Songs([blob]).describe(0)
            except ValueError as e:
                raise ValueError(f"{file}: {e}") from None
            entry = (about["featurizer_version"], about["name"], blob)
            if about["pcm"] not in newest or newest[about["pcm"]][0] < entry[0]:
                newest[about["pcm"]] = entry
    return _env.Songs([blob for _, _, blob in sorted(newest.values(), key=lambda entry: entry[1:])])


def load_songs(data: Data | _env.Songs) -> _env.Songs:
    """The Songs of a featurized folder, of a file that holds one, or of several of these, by name.

    A recording that was featurized more than once counts once, as the newest featurizer heard it.
    """
    if isinstance(data, _env.Songs):
        return data
    several = [data] if isinstance(data, (str, os.PathLike)) else list(data)
    return _load(tuple(os.path.abspath(p) for p in several))
