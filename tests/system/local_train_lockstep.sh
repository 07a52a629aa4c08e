#!/usr/bin/env bash
# lockstep: the same weights to the bit with 1 actor, with 3, and with the learner and an actor killed and resumed
# on the way; for lag 0 and 1.
. "$(dirname "$0")/learn_common.sh"
make_data 3
for lag in 0 1; do
  options=(--mode lockstep --max-lag "$lag" --batch 16 --retarget-updates 4 --demo-updates 4 --value-updates 2
           --ppo-updates 20 --checkpoint-every 4)
  start_learner "one$lag" "${options[@]}"; start_actor "one$lag" a
  wait_for_end "$learner" learner

  start_learner "three$lag" "${options[@]}"
  for a in a b c; do start_actor "three$lag" $a; done
  wait_for_end "$learner" learner

  start_learner "killed$lag" "${options[@]}"
  for a in a b c; do start_actor "killed$lag" $a; done
  wait_for_update "killed$lag" 6
  kill -9 "$learner"
  start_learner "killed$lag" "${options[@]}"
  wait_for_update "killed$lag" 14
  kill -9 "$learner" "$actor"
  start_learner "killed$lag" "${options[@]}"
  wait_for_end "$learner" learner

  one=$(cat "one$lag/weights.hash") three=$(cat "three$lag/weights.hash") killed=$(cat "killed$lag/weights.hash")
  [ -n "$one" ] && [ "$one" = "$three" ] || give_up "lag $lag: 1 actor gives $one, 3 give $three"
  [ "$one" = "$killed" ] || give_up "lag $lag: without kills $one, with kills $killed"
  check_flushes "killed$lag"
done
[ "$(cat one0/weights.hash)" != "$(cat one1/weights.hash)" ] || give_up "lag makes no difference"
echo "ok: $one"
