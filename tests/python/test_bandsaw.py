"""The Gymnasium package, run by tests/system/local_python.sh as: python test_bandsaw.py DATA. Plain asserts, a test
a function; what is not installed is skipped loudly."""

import pickle
import sys
import threading
import traceback
import warnings
from pathlib import Path

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env

import bandsaw
from bandsaw import layout
from plain_env import CROSSFADE, CUT, FADES, REORDER, REST, TARGETS, PlainEnv, PlainSong

DATA = sys.argv[1]


class Skipped(Exception):
    pass


def random_action(env, rng):
    return int(rng.choice(np.flatnonzero(env.unwrapped.action_masks())))


def play(env, seed, rng, actions=None):
    """One episode; returns its actions, rewards and last info."""
    env.reset(seed=seed)
    done, rewards, played, info = False, [], [], {}
    while not done:
        a = actions[len(played)] if actions else random_action(env, rng)
        _, reward, done, truncated, info = env.step(a)
        assert not truncated and "illegal" not in info
        rewards.append(reward)
        played.append(a)
    return played, rewards, info


def check_env_has_nothing_to_say():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make("Bandsaw-v0", data=DATA)
        check_env(env.unwrapped, skip_render_check=True)
        check_env(gymnasium.make("Bandsaw-v0", data=DATA, keep=(0.1, 0.6), render_mode="ansi").unwrapped)


def episodes_end_in_their_window_and_repeat():
    env = gymnasium.make("Bandsaw-v0", data=DATA, keep=(0.1, 0.6))
    rng = np.random.default_rng(1)
    for seed in range(30):
        _, info = env.reset(seed=seed)
        lo, hi = info["lo_s"], info["hi_s"]
        actions, rewards, info = play(env, seed, rng)
        assert lo - 1e-6 <= info["length_s"] <= hi + 1e-6
        rate = env.unwrapped.songs.describe(info["song"])["sample_rate_hz"]
        length = sum(end - first for first, end, _ in env.unwrapped.edit()) / rate
        assert abs(length - info["length_s"]) < 1e-6
        assert abs(sum(rewards) - sum(info["terms"].values())) < 1e-3
        again = play(env, seed, rng, actions)
        assert again[:2] == (actions, rewards)


def observations_stay_inside_their_space():
    env = gymnasium.make("Bandsaw-v0", data=DATA, keep=(0.05, 0.9))
    rng = np.random.default_rng(2)
    for seed in range(20):
        observation, _ = env.reset(seed=seed)
        done = False
        while not done:
            assert env.observation_space.contains(observation)
            assert observation["step"][-1] == 1  # BIAS
            i = env.unwrapped.indices()
            if i["playhead"] >= 0:
                assert (env.unwrapped.units()[i["playhead"]] == observation["here"]).all()
            observation, _, done, _, _ = env.step(random_action(env, rng))
        assert all((x == 0).all() for x in observation.values())


def illegal_actions_change_nothing():
    env = gymnasium.make("Bandsaw-v0", data=DATA)
    before, info = env.reset(seed=1)
    illegal = int(np.flatnonzero(info["action_mask"] == 0)[0])
    after, reward, done, _, info = env.step(illegal)
    assert info["illegal"] and reward == 0 and not done
    assert all((before[k] == after[k]).all() for k in before)


def what_is_asked_is_what_is_edited():
    env = bandsaw.BandsawEnv(DATA)
    rng = np.random.default_rng(3)
    env.reset(seed=1, options={"song": 1, "tune": 0, "target_s": 20, "tolerance_s": 3})
    about, units = env.songs.describe(1), env.song_units()
    assert len(units) == about["n_units"] and units["kind"].max() <= 3 and (np.diff(units["start_sample"]) > 0).all()
    first = int(units["start_sample"][about["n_units"] // 2])
    at = first / about["sample_rate_hz"] + 0.01
    env.reset(seed=1, options={"must": [(at, at + 1)]})
    for seed in range(5):
        _, _, info = play(env, seed, rng)
        assert info["song"] == 1 and abs(info["length_s"] - 20) < 6
        assert any(a <= first + 441 < b for a, b, _ in env.edit())
    for bad, said in [
        ({"target_s": 1e5}, "cannot be met"),
        ({"keep": -1.0, "target_s": None}, "keep ratio"),
        ({"song": 99}, "song 99 of 3"),
        ({"must": [(1e6, 2e6)], "keep": 0.3, "song": None}, "not in the recording"),
        ({"must": [3]}, "must"),
        ({"colour": 1}, "colour"),
    ]:
        try:
            bandsaw.BandsawEnv(DATA).reset(options=bad)
            raise AssertionError(f"{bad} was taken")
        except (ValueError, TypeError) as e:
            assert said in str(e), str(e)


def data_that_is_none_is_refused_in_one_line(tmp=Path("elsewhere")):
    tmp.mkdir(exist_ok=True)
    (tmp / "song").write_bytes(b"not a song")
    for data, said in [(tmp, "bandsaw featurize"), (tmp / "song", "not a Song"), ("nowhere", "no such file"), ([], "no songs")]:
        try:
            bandsaw.BandsawEnv(data)
            raise AssertionError(f"{data} was taken")
        except (ValueError, FileNotFoundError) as e:
            assert said in str(e) and "\n" not in str(e), str(e)
    songs = bandsaw.load_songs(DATA)
    assert len(bandsaw.load_songs([DATA, DATA])) == len(songs) == 3  # each recording once


def vector_rows_are_what_single_environments_show():
    n = 6
    envs = gymnasium.make_vec("Bandsaw-v0", num_envs=n, vectorization_mode="vector_entry_point", data=DATA, keep=(0.1, 0.5))
    assert isinstance(envs.unwrapped, bandsaw.BandsawVectorEnv)
    alone = [bandsaw.BandsawVectorEnv(1, data=DATA, copy=False, keep=(0.1, 0.5)) for _ in range(n)]
    observations, infos = envs.reset(seed=[10 + i for i in range(n)])
    for i, env in enumerate(alone):
        env.reset(seed=10 + i)
    rng, ended = np.random.default_rng(4), 0
    for _ in range(300):
        assert envs.observation_space.contains(observations)
        actions = np.array([rng.choice(np.flatnonzero(m)) for m in infos["action_mask"]])
        observations, rewards, done, truncated, infos = envs.step(actions)
        assert not truncated.any()
        for i, env in enumerate(alone):
            o, r, d, _, _ = env.step(actions[i : i + 1])
            assert r[0] == rewards[i] and d[0] == done[i]
            assert all((o[k][0] == observations[k][i]).all() for k in o)
        if done.any():
            ended += int(done.sum())
            final = infos["final_info"]
            assert (final["length_s"][done] > 0).all() and (infos["_final_obs"] == done).all()
            assert all((x is not None) == d for x, d in zip(infos["final_obs"], done))
    assert ended > n


def arrays_are_written_in_place_and_never_shared_by_default():
    env = bandsaw.BandsawVectorEnv(2, data=DATA, copy=False)
    a, info = env.reset(seed=1)
    address = a["step"].__array_interface__["data"]
    b = env.step(np.array([np.flatnonzero(m)[0] for m in info["action_mask"]]))[0]
    assert b["step"].__array_interface__["data"] == address
    env = bandsaw.BandsawVectorEnv(2, data=DATA)
    a, info = env.reset(seed=1)
    kept = a["step"].copy()
    env.step(np.array([np.flatnonzero(m)[0] for m in info["action_mask"]]))
    assert (a["step"] == kept).all()


def threads_and_half_made_objects_are_refused():
    try:
        bandsaw._env.Vec.__new__(bandsaw._env.Vec).edit(0)
        raise AssertionError("a Vec without environments was taken")
    except RuntimeError as e:
        assert "Vec(songs, n)" in str(e)
    n = 4000
    env = bandsaw.BandsawVectorEnv(n, data=DATA, copy=False)
    _, info = env.reset(seed=1)
    over = threading.Event()

    def step():
        for _ in range(50):
            env.step(np.full(n, -1))
        over.set()

    thread, refused = threading.Thread(target=step), 0
    thread.start()
    while not over.is_set():
        try:
            env._vec.edit(0)
        except RuntimeError as e:
            refused += "another thread" in str(e)
    thread.join()
    assert refused > 0
    env.step(np.full(n, -1))  # and on it goes


def layout_names_every_column():
    widths = {name: sum(w for _, w, _ in columns) for name, columns in [("step", bandsaw.STEP_COLUMNS),
              ("target_features", bandsaw.TARGET_COLUMNS), ("pair_features", bandsaw.PAIR_COLUMNS), ("here", bandsaw.UNIT_COLUMNS)]}
    for name, width in widths.items():
        assert layout.ROW[name].shape[-1] == width
    assert len({bandsaw.action_text(a) for a in range(bandsaw.ACTIONS)}) == bandsaw.ACTIONS
    assert pickle.loads(pickle.dumps(layout.ROW)) == layout.ROW


def plain_game(env, rng, steps):
    """Plays in C and in plain Python at once; yields both."""
    row, episodes, unseen = env.unwrapped._row, 0, 0
    while steps > 0:
        episodes += 1
        _, info = env.reset(seed=int(rng.integers(2**31)))
        u = env.unwrapped
        about, units = u.songs.describe(info["song"]), u.song_units()
        rate, n = about["sample_rate_hz"], about["n_samples"]
        song = PlainSong(units, n, info["tune"], u.songs.tunes_of_takes(info["song"]))
        plain, done = PlainEnv(song, round(info["lo_s"] * rate), round(info["hi_s"] * rate)), False
        while not done:
            yield u, plain, row
            steps -= 1
            a = random_action(env, rng)
            target, pair = row["target"][0].tolist(), row["pair"][0].tolist()
            _, _, done, _, info = env.step(a)
            plain.step(a, target, pair)
            if not done and plain.unsure and plain.playhead != row["playhead"][0]:  # it could not be moved, so it landed
                plain.step(0, (), ())
            forced = int(row["last_action"][0])
            if not done and forced != a and CROSSFADE <= forced < REORDER:  # all that this menu left, unseen from here
                plain.step(forced, [int(row["playhead"][0])] * TARGETS, ())
            assert done or not plain.done
        unseen += not plain.done  # a forced jump, and then a forced end
        assert not plain.done or abs(plain.length / rate - info["length_s"]) < 1e-6
    assert unseen * 20 <= episodes, (unseen, episodes)


def plain_python_reads_the_rules_in_the_same_way():
    env = gymnasium.make("Bandsaw-v0", data=DATA, keep=(0.05, 0.6))
    short = [a for a in range(bandsaw.ACTIONS) if not (CROSSFADE <= a < REORDER and (a - CROSSFADE) % FADES)]
    for u, plain, row in plain_game(env, np.random.default_rng(5), 3000):
        assert (plain.playhead if plain.playhead < plain.song.n else -1) == row["playhead"][0]
        assert plain.last == row["last_kept"][0]
        mask = plain.mask(row["target"][0].tolist(), row["pair"][0].tolist())
        got = u.action_masks()
        known = [a for a in short if not (plain.unsure and CUT <= a < REST)]
        wrong = [bandsaw.action_text(a) for a in known if bool(mask[a]) != bool(got[a])]
        assert not wrong, wrong


def maskable_ppo_gets_better():
    try:
        import torch
        from sb3_contrib import MaskablePPO
        from stable_baselines3.common.env_checker import check_env as sb3_check_env
        from stable_baselines3.common.env_util import make_vec_env
    except ImportError:
        raise Skipped("sb3-contrib is not installed: make python")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb3_check_env(bandsaw.BandsawEnv(DATA))
    torch.set_num_threads(1)
    env = make_vec_env(bandsaw.BandsawEnv, n_envs=8, seed=1, env_kwargs={"data": DATA, "target_s": 15})
    model = MaskablePPO("MultiInputPolicy", env, n_steps=64, batch_size=128, n_epochs=4, learning_rate=1e-3, seed=1)
    returns = []
    for _ in range(8):
        model.learn(8 * 64, reset_num_timesteps=False)
        returns.append(float(np.mean([e["r"] for e in list(model.ep_info_buffer)[-40:]])))
    before, after = returns[0], returns[-1]
    print(f"      MaskablePPO: mean return of an episode {before:.2f}, after {model.num_timesteps} steps {after:.2f}")
    assert after > before + 1


def main():
    failed = 0
    for name, test in list(globals().items()):
        if not callable(test) or getattr(test, "__module__", "") != "__main__" or name in ("main", "play", "random_action", "Skipped", "plain_game"):
            continue
        try:
            test()
            print(f"[       OK ] {name}")
        except Skipped as e:
            print(f"[  SKIPPED ] {name}\nSKIP  {name}: {e}")
        except Exception:
            traceback.print_exc()
            print(f"[  FAILED  ] {name}")
            failed += 1
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
