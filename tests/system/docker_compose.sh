#!/usr/bin/env bash
# docker-compose up --scale actor=3 on a real engine, to its own end: every service exits 0, and the run holds a
# valid checkpoint and a policy. Skips where there is no engine.
set -u
docker info >/dev/null 2>&1 || { echo "no Docker engine here"; exit 77; }
compose=docker-compose; command -v docker-compose >/dev/null || compose="docker compose"
export COMPOSE_PROJECT_NAME=bandsawtest$$
export BANDSAW_SESSIONS=3
export BANDSAW_LEARNER_OPTIONS="--model tiny --batch 16 --retarget-updates 3 --demo-updates 2 --value-updates 1 --ppo-updates 3 --checkpoint-every 2"
trap '$compose down -v --timeout 10 >/dev/null 2>&1' EXIT
timeout 1500 $compose up --build --scale actor=3 >"${LOG:-/dev/stdout}" 2>&1 || { echo "docker-compose up failed"; exit 1; }
bad=0
for c in $($compose ps -q); do
  code=$(docker inspect -f '{{.State.ExitCode}}' "$c"); name=$(docker inspect -f '{{.Name}}' "$c")
  echo "$name exited $code"
  [ "$code" -eq 0 ] || bad=1
done
[ "$($compose ps -q | wc -l)" -eq 6 ] || { echo "expected 6 containers"; bad=1; }
docker run --rm -v "${COMPOSE_PROJECT_NAME}_data:/data:ro" --entrypoint sh bandsaw -c '
  set -e
  cd /data/.bandsaw/runs/main
  ls checkpoints
  test -s policy.safetensors
  test -n "$(ls checkpoints/*/manifest* | head -1)"' || { echo "no valid checkpoint"; bad=1; }
exit $bad
