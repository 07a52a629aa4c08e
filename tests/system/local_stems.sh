#!/usr/bin/env bash
# bandsaw stems writes four files that serve as stems again; featurize and edit find them, know them, and refuse
# those of another recording in one line.
set -u
bin=${1:-build}/bin/bandsaw
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
bad=0
say() { echo "local_stems: $*"; bad=1; }
refused() { [ "$(wc -l <<<"$1")" = 1 ] && grep -q -- "$2" <<<"$1" || say "unclear: $1"; }

"$bin" simulate --out "$folder/s" --songs 2 --seed 32 --length 30 --edits no >/dev/null 2>&1 || { say "no session was made"; exit 1; }
a=$folder/s/song0001_raw.wav b=$folder/s/song0002_raw.wav

why=$("$bin" stems "$a" -o "$folder/a" --quiet 2>&1) || say "refused: $why"
[ "$(ls "$folder/a" | xargs)" = "bass.wav drums.wav other.wav vocals.wav" ] || say "wrote $(ls "$folder/a" | xargs)"
before=$(md5sum "$folder"/a/*)
why=$("$bin" stems "$a" -o "$folder/a" 2>&1) && say "wrote over what was there"
refused "$why" "--force"
"$bin" stems "$a" -o "$folder/a" --quiet --force 2>/dev/null || say "--force was refused"
[ "$before" = "$(md5sum "$folder"/a/*)" ] || say "not the same bytes a second time"
why=$("$bin" stems "$a" 2>&1) && say "wrote nowhere"
refused "$why" "where to"
why=$("$bin" stems "$folder/none.wav" -o "$folder/none" 2>&1) && say "took apart nothing"
refused "$why" "none.wav"
[ -e "$folder/none" ] && say "a refusal left a folder"

# As a separation program leaves them, beside the recordings.
hear() { "$bin" featurize "$folder/s" --workers 2 "$@" 2>&1; }
heard=$(hear)
grep -q "2 heard" <<<"$heard" || say "not heard: $heard"
mkdir -p "$folder/s/separated/model" && cp -r "$folder/a" "$folder/s/separated/model/song0001_raw"
heard=$(hear)
grep -q "1 heard, 1 known" <<<"$heard" || say "new stems were not noticed: $heard"
heard=$(hear)
grep -q "0 heard, 2 known" <<<"$heard" || say "known stems were measured again: $heard"
heard=$(hear --stems none)
grep -q "0 heard, 2 known" <<<"$heard" || say "what was heard without stems is forgotten: $heard"
cp -r "$folder/a" "$folder/s/separated/model/song0002_raw"
why=$(hear) && say "took stems of another recording"
grep -q "song0002_raw: stems of\|song0002_raw: these stems do not sum" <<<"$why" || say "unclear: $why"
rm -r "$folder/s/separated/model/song0002_raw"
why=$(hear --stems "$folder/nowhere") && say "took stems from nowhere"
refused "$why" "no such folder"

edit() { "$bin" edit "$1" --baseline retarget --keep 0.4 -o "$folder/$2.flac" "${@:3}" 2>&1; }
said=$(edit "$a" one --stems "$folder/a") || say "refused: $said"
grep -q "stems: 4 files" <<<"$said" || say "does not say what the stems are worth: $said"
why=$(edit "$b" two --stems "$folder/a" --quiet) && say "edited with stems of another recording"
grep -q "another" <<<"$why" || say "unclear: $why"
[ -e "$folder/two.flac" ] && say "a refusal left a song"
[ $bad -eq 0 ] && echo "local_stems: ok"
exit $bad
