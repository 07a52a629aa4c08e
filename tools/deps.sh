#!/usr/bin/env bash
# Installs the Debian packages named as arguments that are not there yet.
# As root directly, else through sudo; without rights it prints the one command to run.
set -euo pipefail
missing=()
for p in "$@"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && { echo "deps: everything is installed"; exit 0; }
install="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -eq 0 ]; then run=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then run="sudo"
else
  echo "deps: no rights to install; run this once:" >&2
  echo "  sudo $install" >&2
  exit 1
fi
echo "deps: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
$run apt-get update -qq
$run $install -qq >/dev/null
echo "deps: done"
