"""Many environments at once: C writes into the arrays that step returns, as gymnasium.make_vec gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from bandsaw import _env
from bandsaw.data import Data, load_songs
from bandsaw.layout import END, ROW, Observation, observation_space, views

Flags = npt.NDArray[np.bool_]


class BandsawVectorEnv(VectorEnv[Observation, npt.NDArray[np.int64], npt.NDArray[Any]]):
    """num_envs environments that take the arguments of BandsawEnv; an ended episode is followed by the next at once.

    With copy=False the arrays that reset and step return are the environment's own and change with the next step.
    infos["action_mask"] are the masks; where an episode ended, infos["final_info"] tells of it, and infos["final_obs"]
    is all 0: there is nothing to see after the end.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, num_envs: int = 1, *, data: Data | _env.Songs, copy: bool = True, **ask: Any) -> None:
        self.num_envs = num_envs
        self.songs = load_songs(data)
        self.single_observation_space = observation_space()
        self.single_action_space = spaces.Discrete(_env.ACTIONS)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._copy = copy
        self._ask = ask
        self._vec = _env.Vec(self.songs, num_envs)
        self._rows = np.zeros(num_envs, ROW)
        self._ends = np.zeros(num_envs, END)
        self._views = views(self._rows)
        self._nothing = {name: np.zeros_like(value[0]) for name, value in self._views.items()}
        for value in self._nothing.values():
            value.flags.writeable = False
        self._masks: Flags = self._rows["mask"].view(np.bool_)
        self._rewards = np.zeros(num_envs, np.float64)
        self._done, self._refused = np.zeros((2, num_envs), np.bool_)
        self._never: Flags = np.zeros(num_envs, np.bool_)

    def reset(
        self, *, seed: int | list[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed if isinstance(seed, int) else None)
        self._ask = {**self._ask, **(options or {})}
        if isinstance(seed, list):
            seeds = seed
        elif seed is not None:
            seeds = [seed + i for i in range(self.num_envs)]
        else:
            seeds = [int(s) for s in self.np_random.integers(2**63, size=self.num_envs)]
        for i, s in enumerate(seeds):
            self._vec.reset(i, s, self._ask, self._rows)
        return self._observation(), {"action_mask": self.action_masks()}

    def step(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[Observation, npt.NDArray[Any], Flags, Flags, dict[str, Any]]:
        actions = np.ascontiguousarray(actions, np.int64)
        self._vec.step(actions, True, self._rows, self._rewards, self._done, self._refused, self._ends)
        infos: dict[str, Any] = {"action_mask": self.action_masks()}
        if self._refused.any():
            infos["illegal"] = self._refused.copy()
        if self._done.any():
            self._tell_endings(infos)
        if not self._copy:
            return self._views, self._rewards, self._done, self._never, infos
        return self._observation(), self._rewards.copy(), self._done.copy(), self._never.copy(), infos

    def action_masks(self) -> Flags:
        """num_envs x actions: which are legal now."""
        return self._masks.copy() if self._copy else self._masks

    def edit(self, i: int) -> list[tuple[int, int, float]]:
        """What environment i appended so far: (first sample, end sample, beats of the fade into it)."""
        return self._vec.edit(i)

    def _observation(self) -> Observation:
        return {name: value.copy() for name, value in self._views.items()} if self._copy else self._views

    def _tell_endings(self, infos: dict[str, Any]) -> None:
        done = self._done.copy()
        final = np.full(self.num_envs, None, object)
        final[done] = self._nothing
        told: dict[str, Any] = {}
        for name in ("length_s", "song", "tune"):
            told[name], told["_" + name] = np.where(done, self._ends[name], 0), done
        terms = np.where(done[:, None], self._ends["terms"], 0)
        told["terms"] = {name: terms[:, k] for k, name in enumerate(_env.REWARD_TERMS)}
        told["_terms"] = done
        infos.update(final_obs=final, _final_obs=done, final_info=told, _final_info=done)
