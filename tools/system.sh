#!/usr/bin/env bash
# Installs what the tests drive and pip cannot bring: Chromium and a Redis server.
# On systems without apt, install them by hand; CHROMIUM and REDIS_SERVER name the programs if they are not found.
set -euo pipefail

missing=()
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || command -v chromium >/dev/null || missing+=(chromium)
command -v "${REDIS_SERVER:-redis-server}" >/dev/null || missing+=(redis-server)
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "please install: ${missing[*]} (and set CHROMIUM, REDIS_SERVER if they are in unusual places)" >&2
  exit 1
fi
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" fonts-noto-cjk >/dev/null
