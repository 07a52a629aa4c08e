"""One environment, as gymnasium.make("Bandsaw-v0", data=...) gives it."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from bandsaw import _env
from bandsaw.data import Data, load_songs
from bandsaw.layout import END, ROW, UNIT, Observation, observation_space, views


def ending(end: np.void) -> dict[str, Any]:
    """What is told of an episode that ended."""
    info = {name: end[name].item() for name in ("length_s", "song", "tune")}
    info["terms"] = dict(zip(_env.REWARD_TERMS, end["terms"].tolist()))
    return info


class BandsawEnv(gymnasium.Env[Observation, np.int64]):
    """Cuts a raw recording into a song, one action at a time: see docs/environment.md.

    data: a folder that `bandsaw featurize` went through, a file with one Song, a list of these, or Songs.
    Every further argument says what episodes are drawn from, and reset(options={...}) changes it from then on:
    song, tune: numbers; None draws them. keep: share of the recording, or (least, most). target_s, tolerance_s:
    seconds instead. weights: of the reward's terms. no_loop, no_reorder. must, never: [(from_s, to_s), ...].
    start_s, end_s: seconds of the recording.

    An action that action_masks() does not allow changes nothing, earns 0 and sets info["illegal"]. Episodes end
    by themselves; they are never truncated. After the end there is nothing to see: the observation is all 0.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}

    def __init__(self, data: Data | _env.Songs, render_mode: str | None = None, **ask: Any) -> None:
        self.songs = load_songs(data)
        self.observation_space = observation_space()
        self.action_space = spaces.Discrete(_env.ACTIONS)
        self.render_mode = render_mode
        self._ask = ask
        self._vec = _env.Vec(self.songs, 1)
        self._row = np.zeros(1, ROW)
        self._end = np.zeros(1, END)
        self._action = np.zeros(1, np.int64)
        self._reward = np.zeros(1, np.float64)
        self._flags = np.zeros((2, 1), np.uint8)  # done, refused

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self._ask = {**self._ask, **(options or {})}
        self._vec.reset(0, int(self.np_random.integers(2**63)), self._ask, self._row)
        return self._observation(), {**self._vec.job(0), "action_mask": self.action_masks().astype(np.int8)}

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self._action[0] = action
        done, refused = self._flags
        self._vec.step(self._action, False, self._row, self._reward, done, refused, self._end)
        info: dict[str, Any] = {"action_mask": self.action_masks().astype(np.int8)}
        if refused[0]:
            info["illegal"] = True
        if done[0]:
            info.update(ending(self._end[0]))
        return self._observation(), float(self._reward[0]), bool(done[0]), False, info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Which actions are legal now; as sb3_contrib.MaskablePPO asks for them."""
        mask: npt.NDArray[np.bool_] = self._row["mask"][0].astype(np.bool_)
        return mask

    def edit(self) -> list[tuple[int, int, float]]:
        """What was appended so far: (first sample, end sample, beats of the fade into it) of each segment."""
        return self._vec.edit(0)

    def units(self) -> npt.NDArray[np.float32]:
        """Features of every unit of the recording being edited, for networks that read all of it: the rows that
        `indices` number."""
        song = self._vec.job(0)["song"]
        return np.frombuffer(self.songs.features(song), np.float32).reshape(-1, _env.UNIT_FEATURES)

    def song_units(self) -> npt.NDArray[np.void]:
        """What is known of every unit in plain terms: start, kind, take, bar, phrase, section, slot, flaw and so on."""
        return np.frombuffer(self.songs.units(self._vec.job(0)["song"]), UNIT)

    def indices(self) -> dict[str, npt.NDArray[np.int32]]:
        """Units at the playhead, last kept and on the menus; -1 where there is none."""
        return {name: self._row[name][0].copy() for name in ("playhead", "last_kept", "target", "pair")}

    def render(self) -> str | None:
        if self.render_mode is None:
            return None
        about = self.songs.describe(self._vec.job(0)["song"])
        rate = about["sample_rate_hz"]
        lines = [f"{about['name']}"]
        for first, end, fade in self.edit():
            lines.append(f"  {first / rate:8.2f} to {end / rate:8.2f} s" + (f", fade {fade:g} beats" if fade else ""))
        return "\n".join(lines)

    def _observation(self) -> Observation:
        return {name: value[0].copy() for name, value in views(self._row).items()}
