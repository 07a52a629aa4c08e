#!/usr/bin/env bash
# kill -9 of one of three actors: its tickets run elsewhere. kill -9 of the learner, then --resume with the actors
# still running: training goes on, and what it trains first was made with weights of the new epoch. Both
# identities close at every flush and in /metrics. SIGTERM leaves a valid checkpoint, and the run ends by itself.
. "$(dirname "$0")/learn_common.sh"
make_data 3
options=(--batch 16 --retarget-updates 4 --demo-updates 4 --value-updates 2 --ppo-updates 4000 --checkpoint-every 5)

start_learner run "${options[@]}"
start_actor run one; one=$actor
start_actor run two; two=$actor
start_actor run three; three=$actor
wait_for_update run 15
kill -9 "$three"
wait_for_update run $(($(updates_of run) + 10))
kill -9 "$learner"
rm -f run/status.json
start_learner run "${options[@]}"
wait_for_update run 5
wait_for_update run $(($(updates_of run) + 30))
check_metrics run
kill -0 "$one" && kill -0 "$two" || give_up "an actor did not outlive its learner"
grep -q 'first-trained.*epoch=2 weights_epoch=2' run.learner.log || give_up "weights of a lost epoch were trained on"

# The dead actor's tickets: issued again after five missed PINGs at the latest, so nothing stays outstanding.
grep -q '"actors/connected":2' run/metrics.jsonl || give_up "the dead actor is still counted"

kill -TERM "$learner"
wait_for_end "$learner" learner
wait_for_end "$one" "actor one"
wait_for_end "$two" "actor two"
check_flushes run
n=$(updates_of run)
ls -d run/checkpoints/000002-* >/dev/null || give_up "no checkpoint of the second start"

# Resumed with a nearer end it stops there and leaves what a run leaves.
start_learner run "${options[@]}" --ppo-updates $((n + 5))
start_actor run four
wait_for_end "$learner" learner
wait_for_end "$actor" "actor four"
check_flushes run
for f in policy.safetensors imitation.safetensors weights.hash; do [ -s "run/$f" ] || give_up "$f is missing"; done
echo "ok: $(updates_of run) updates over three starts"
