"""Learns to edit a folder of recordings: python maskable_ppo.py recordings/ (after `bandsaw featurize recordings/`)."""
import sys

from sb3_contrib import MaskablePPO
from stable_baselines3.common.env_util import make_vec_env

from bandsaw import BandsawEnv

env = make_vec_env(BandsawEnv, n_envs=8, env_kwargs={"data": sys.argv[1], "keep": (0.1, 0.5)})
model = MaskablePPO("MultiInputPolicy", env, n_steps=256, batch_size=256, ent_coef=0.01, verbose=1)
model.learn(int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
model.save("bandsaw_ppo")
