#!/usr/bin/env bash
# The Gymnasium package: its sdist carries what it is built from, mypy and check_env have nothing to say, vector rows
# are what single environments show, and MaskablePPO gets better on simulated sessions. Needs build/python, which
# `make python` fills from PyPI. LONG=1 builds from the sdist as well.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
venv=$root/build/python
if [ ! -x "$venv/bin/python" ] || [ ! -e "$venv/installed" ]; then
  echo "SKIPPED: gymnasium and sb3-contrib are not installed: run 'make python' (downloads from PyPI)"; exit 77
fi
. "$(dirname "$0")/learn_common.sh"
if [ -n "$(find "$root"/python/{src,bandsaw} "$root"/common/{core,song,env} -newer "$venv/installed" -name '*.[cdhp]*' -print -quit)" ]; then
  "$venv/bin/pip" install -q --no-deps --no-build-isolation "$root/python" >>make.log 2>&1 || { cat make.log; exit 1; }
  touch "$venv/installed"
fi
(cd "$root/python" && "$venv/bin/python" setup.py -q sdist -d "$dir/dist") >>make.log 2>&1 || give_up "no sdist"
tar tzf "$dir"/dist/*.tar.gz | sed 's,^[^/]*/,,' | sort >carried
(cd "$root/python" && ls common/{core,song,env}/*.{c,h,def} src/*.c bandsaw/* VERSION LICENSE) 2>/dev/null | grep -v __pycache__ | sort >needed
comm -13 carried needed | grep . && give_up "the sdist lacks these"
if [ "${LONG:-}" ]; then
  "$venv/bin/pip" wheel -q --no-deps --no-build-isolation -w "$dir/wheel" "$dir"/dist/*.tar.gz >>make.log 2>&1 || give_up "the sdist does not build"
fi
(cd "$root/python" && "$venv/bin/mypy" --no-error-summary --cache-dir "$venv/mypy" bandsaw) || give_up "types"

"$B/bandsaw-simulator" simulate --songs 3 --seed 3 --length 30 --out data >>make.log 2>&1 || give_up "no sessions"
"$B/bandsaw-featurizer" featurize data >>make.log 2>&1 || give_up "no songs"
"$venv/bin/python" "$root/tests/python/test_bandsaw.py" data
