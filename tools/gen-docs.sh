#!/usr/bin/env bash
# Writes the tables under docs/ from the tables in the code: docs/options.md from every program's options,
# docs/metrics.md from metrics.def, docs/features.md from features.def, the observation in docs/environment.md from obs.def. Argument: the build folder.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-build}/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{
    printf '# Options\n\nOrder of precedence: default, file (`--config FILE`: `[section]` and `key = value`), environment, flag.\n'
    printf 'The part of a flag after its last dot is enough where only one option has it.\n\n'
    while read -r program verb; do
        [ -x "$bin/$program" ] || continue
        # shellcheck disable=SC2086  # no verb is no argument
        "$bin/$program" $verb --options-markdown || echo "gen-docs: $program $verb has no --options-markdown" >&2
    done <<-LIST
	bandsaw-editor edit
	bandsaw-editor show
	bandsaw-featurizer featurize
	bandsaw-featurizer stems
	bandsaw train
	bandsaw-editor eval
	bandsaw-editor plot
	bandsaw-editor align
	bandsaw-simulator simulate
	bandsaw-simulator judge
	bandsaw-simulator rate
	bandsaw-featurizer serve
	bandsaw-learner
	bandsaw-actor
	LIST
} >"$work/options.md"

cat >"$work/tables.c" <<'C'
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "metrics")) {
        puts("# Metrics\n\nFrom `common/metrics/metrics.def`. JSONL uses the TensorBoard tags as keys.\n\n"
             "| Prometheus | TensorBoard | kind | meaning |\n|---|---|---|---|");
#define METRIC(name, kind, prometheus, tag, help) printf("| `%s` | `%s` | %s | %s |\n", prometheus, tag, #kind, help);
#include "common/metrics/metrics.def"
    } else if (argc > 1 && !strcmp(argv[1], "observation")) {
        puts("Per step (`EnvObs.step`):\n\n| name | columns | meaning |\n|---|---|---|");
#define OBS_STEP(name, width, text) printf("| `%s` | %d | %s |\n", #name, width, text);
#include "common/env/obs.def"
#undef OBS_STEP
        puts("\nPer target of CROSSFADE (`EnvObs.target_features`):\n\n| name | columns | meaning |\n|---|---|---|");
#define OBS_TARGET(name, text) printf("| `%s` | 1 | %s |\n", #name, text);
#include "common/env/obs.def"
#undef OBS_TARGET
        puts("\nPer pair of REORDER (`EnvObs.pair_features`):\n\n| name | columns | meaning |\n|---|---|---|");
#define OBS_PAIR(name, text) printf("| `%s` | 1 | %s |\n", #name, text);
#include "common/env/obs.def"
#undef OBS_PAIR
    } else {
        int column = 0;
        puts("# Features\n\nFrom `common/song/features.def`: the columns of a Song's feature matrix, one row a unit. "
             "Standardised per song unless marked \"as is\".\n\n"
             "| name | columns | meaning |\n|---|---|---|");
#define FEATURE(name, width, text) \
    width == 1 ? printf("| %s | %d | %s |\n", #name, column, text) : printf("| %s | %d-%d | %s |\n", #name, column, column + width - 1, text); \
    column += width;
#include "common/song/features.def"
    }
    return 0;
}
C
${CC:-cc} -w -I. -o "$work/tables" "$work/tables.c"
"$work/tables" metrics >"$work/metrics.md"
"$work/tables" features >"$work/features.md"
"$work/tables" observation >"$work/observation"
awk -v rows="$work/observation" '/^<!-- obs.def -->/ {print; print ""; while ((getline line < rows) > 0) print line; print ""; skip = 1}
  /^<!-- end of obs.def -->/ {skip = 0} !skip && !/^<!-- obs.def -->/' docs/environment.md >"$work/environment.md"
mv "$work/environment.md" docs/environment.md
for name in options metrics features; do mv "$work/$name.md" "docs/$name.md"; done
echo "docs/options.md docs/metrics.md docs/features.md docs/environment.md"
