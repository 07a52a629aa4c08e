#!/usr/bin/env bash
# make demo: raw sessions to edited songs through every program, on this machine, into demo/.
# Ends by itself; may be run again. DEMO_QUICK=1 runs the same line with a few updates, for tests.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${DEMO_DIR:-demo}
cores=$(nproc)
t0=$(date +%s)
step() { printf '\n== %s  (%d s since the start)\n' "$*" $(($(date +%s) - t0)); }

train=80 heldout=40 budget=(--retarget-updates 100 --demo-updates 160 --ppo-updates 170 --lr 5e-4 --entropy 0.001)
if [ -n "${DEMO_QUICK:-}" ]; then
  train=4 heldout=3
  budget=(--model tiny --retarget-updates 3 --demo-updates 2 --value-updates 1 --ppo-updates 3 --batch 16)
fi

if [ -z "${DEMO_BUILT:-}" ]; then
  step "install what is missing, and build"
  make --no-print-directory deps
  make --no-print-directory -j"$cores" >"${TMPDIR:-/tmp}/bandsaw-build.$$" 2>&1 || { tail -30 "${TMPDIR:-/tmp}/bandsaw-build.$$"; exit 1; }
  rm -f "${TMPDIR:-/tmp}/bandsaw-build.$$"
fi
bandsaw=${BANDSAW:-build/bin/bandsaw}

rm -rf "$out"; mkdir -p "$out"
BANDSAW_CACHE=$(realpath "$out")/cache; export BANDSAW_CACHE

step "simulate $train sessions to learn from and $heldout to be judged on"
$bandsaw simulate --songs $train --seed 1 --out "$out/train" --jobs "$cores"
$bandsaw simulate --songs $heldout --seed 1000001 --out "$out/heldout" --jobs "$cores"

step "hear them"
$bandsaw featurize "$out/train" --workers "$cores"
$bandsaw featurize "$out/heldout" --workers "$cores"

step "train: imitation, then PPO, with 2 actors"
$bandsaw train "$out/train" --run demo --actors 2 --featurize false "${budget[@]}"
run=$out/train/.bandsaw/runs/demo
cp "$run/policy.safetensors" "$run/imitation.safetensors" "$out/"

step "compare on the held-out sessions"
$bandsaw eval "$out/heldout" --jobs-per-song 2 --out "$out/table.md" --json "$out/table.json" \
  --policies "random,crop,last-take,retarget,imitation=best:$out/imitation.safetensors,imitation+PPO=best:$out/policy.safetensors,right"
$bandsaw plot "$run" -o "$out/curves.svg"

step "cut one rehearsal into a song"
raw=$(ls "$out"/heldout/*_raw.wav | head -1)
cp "$raw" "$out/rehearsal.wav"
$bandsaw edit "$out/rehearsal.wav" -o "$out/song.flac" --keep 0.35 --policy "$out/policy.safetensors" --force

step "done"
cat "$out/table.md"
cat <<TXT

  $out/rehearsal.wav   the raw session
  $out/song.flac       the song cut out of it; $out/song.flac.json says which samples
  $out/curves.svg      the learning curves
  $out/table.md        the table above
TXT
