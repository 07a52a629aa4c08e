"""Environment steps a second through Python: many at once in C, one at a time, and plain Python of the same rules.

make bench-python. First the tests' comparison of both readings of the rules. Plain Python here makes masks and edits
only; C makes menus, observations and rewards as well. Processor time of the calls to step alone.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BUILD = Path(sys.argv[1]).resolve()
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
data = tempfile.TemporaryDirectory()
DATA = data.name + "/data"
for command in (["bandsaw-simulator", "simulate", "--songs", "3", "--seed", "3", "--length", "60", "--out", DATA],
                ["bandsaw-featurizer", "featurize", DATA]):
    subprocess.run([BUILD / "bin" / command[0], *command[1:]], check=True, capture_output=True)
sys.argv[1] = DATA

import bandsaw  # noqa: E402
import test_bandsaw as tests  # noqa: E402

tests.plain_python_reads_the_rules_in_the_same_way()
rng = np.random.default_rng(1)


def many(n, steps, copy):
    env = bandsaw.BandsawVectorEnv(n, data=DATA, copy=copy, keep=(0.1, 0.5))
    _, infos = env.reset(seed=1)
    spent = 0.0
    for _ in range(steps):
        mask = infos["action_mask"]
        actions = (mask * rng.random(mask.shape)).argmax(axis=1)
        t0 = time.process_time()
        infos = env.step(actions)[4]
        spent += time.process_time() - t0
    return n * steps / spent


def one(steps):
    env = bandsaw.BandsawEnv(DATA, keep=(0.1, 0.5))
    env.reset(seed=1)
    spent, done = 0.0, False
    for _ in range(steps):
        if done:
            env.reset()
        a = tests.random_action(env, rng)
        t0 = time.process_time()
        done = env.step(a)[2]
        spent += time.process_time() - t0
    return steps / spent


def plain(steps):
    """The mask of every state, and the step that is taken; menus are given."""
    env = bandsaw.BandsawEnv(DATA, keep=(0.1, 0.5))
    spent, n, states = 0.0, 0, tests.plain_game(env, rng, steps)
    step = tests.PlainEnv.step

    def timed(self, *arguments):
        nonlocal spent
        t0 = time.process_time()
        step(self, *arguments)
        spent += time.process_time() - t0

    tests.PlainEnv.step = timed
    for _, state, row in states:
        target, pair = row["target"][0].tolist(), row["pair"][0].tolist()
        t0 = time.process_time()
        state.mask(target, pair)
        spent += time.process_time() - t0
        n += 1
    tests.PlainEnv.step = step
    return n / spent


in_place, copied, single, python = many(256, 400, False), many(256, 400, True), one(10000), plain(5000)
print(f"python.vector_steps_per_second {in_place:.0f} steps/s")
print(f"python.vector_steps_per_second_copied {copied:.0f} steps/s")
print(f"python.single_steps_per_second {single:.0f} steps/s")
print(f"python.plain_steps_per_second {python:.0f} steps/s")
print(f"python.vector_against_plain {in_place / python:.0f} x")
