#!/usr/bin/env bash
# Pairs as people give them, through featurize and align: each bad one gets one clear line and stops no other; a good one
# becomes one demonstration, once, whoever works on it; the learner says how many it uses; a truth file that lacks
# something is named by judge.
. "$(dirname "$0")/learn_common.sh"

has_line() { # FILE TEXT WHAT
  grep -q -- "$2" "$1" || { cat "$1"; give_up "$3: no line with '$2'"; }
}
one_line() { # WHAT TEXT COMMAND...: fails, says only that
  local what=$1 text=$2; shift 2
  "$@" >out.log 2>err.log && give_up "$what: is taken"
  [ "$(wc -l <err.log)" = 1 ] || { cat err.log; give_up "$what: not one line"; }
  has_line err.log "$text" "$what"
}
silence() { # SECONDS: a mono WAV of 8000 Hz
  local n=$(($1 * 16000))
  printf 'RIFF'; le $((n + 36)); printf 'WAVEfmt '; le 16; printf '\1\0\1\0'; le 8000; le 16000; printf '\2\0\20\0data'; le $n
  head -c $n /dev/zero
}
le() { # four bytes
  # shellcheck disable=SC2059  # the format is the bytes
  printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"
}

"$B/bandsaw-simulator" simulate --songs 2 --seed 23 --length 32 --out made >make.log 2>&1 || give_up "no sessions"
mkdir -p data/input data/desired_output
cp made/song0001_raw.wav data/input/first.wav; cp made/song0001_edit.wav data/desired_output/first.wav
cp made/song0002_raw.wav data/second_raw.wav; cp made/song0002_edit.wav data/second_edit.wav
# another recording's edit; a silent one; raw and edit mixed up; an edit whose project is broken
cp made/song0001_edit.wav data/other_raw.wav; cp made/song0002_edit.wav data/other_edit.wav
cp made/song0001_edit.wav data/silent_raw.wav; silence 9 >data/silent_edit.wav
cp made/song0002_edit.wav data/swapped_raw.wav; cp made/song0002_raw.wav data/swapped_edit.wav
cp made/song0001_edit.wav data/broken_raw.wav; echo '{"version": 1, "sample_rate": 44100}' >data/broken_edit.json

"$B/bandsaw" featurize data --workers 2 >featurize.log 2>&1 || give_up "bad pairs are no failure"
has_line featurize.log "other_edit.wav: no part of it is heard in data/other_raw.wav; is it an edit of another recording?" other
has_line featurize.log "silent_edit.wav: only silence" silent
has_line featurize.log "swapped_edit.wav: lasts .* are the two mixed up?" swapped
has_line featurize.log "broken_edit.json: \"segments\" is missing" broken
has_line featurize.log "2 new demonstrations, 4 pairs refused" all
[ "$(wc -l <data/.bandsaw/demos.jsonl)" = 2 ] || give_up "not two lines"
cp data/.bandsaw/demos.jsonl twice.jsonl
"$B/bandsaw" featurize data --workers 1 >again.log 2>&1 || give_up "not again"
cmp -s twice.jsonl data/.bandsaw/demos.jsonl || give_up "a pair was written twice"
rm data/.bandsaw/demos.jsonl
"$B/bandsaw" featurize data --workers 1 >alone.log 2>&1 || give_up "not alone"
cmp twice.jsonl data/.bandsaw/demos.jsonl || give_up "one worker writes something else than two"

one_line "another recording" "is it an edit of another recording?" "$B/bandsaw" align data/other_raw.wav data/other_edit.wav
one_line "silence" "only silence; nothing to align" "$B/bandsaw" align data/silent_raw.wav data/silent_edit.wav
one_line "mixed up" "are the two mixed up?" "$B/bandsaw" align data/swapped_raw.wav data/swapped_edit.wav
one_line "no such file" "no-such.wav" "$B/bandsaw" align data/second_raw.wav no-such.wav
"$B/bandsaw" align data/second_raw.wav data/second_edit.wav --actions -o told.json 2>told.log || give_up "no actions"
has_line told.log "of the edit can be said in [0-9]* actions" actions
for member in '"steps"' '"action": "KEEP' '"loss"' '"weight"' '"foreign_samples": 0'; do has_line told.json "$member" actions; done

sed 's/"units":/"unites":/' made/song0001.truth.json >made/lacking.truth.json
one_line "a truth file without units" "\"units\" is missing" "$B/bandsaw" judge made/lacking told.json
sed 's/"n_samples":/"samples":/' made/song0001.truth.json >made/lacking.truth.json
one_line "a truth file without its length" "\"n_samples\" is missing" "$B/bandsaw" judge made/lacking told.json
echo "ok"
