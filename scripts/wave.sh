#!/usr/bin/env bash
# One fire, for cron and for the shell: scripts/wave.sh THEME [KEYS] [PAR]
#
# Runs from any folder and with cron's bare environment. Silent on success; the exit code is that of `wave fire`.
# $WAVES_ENV, default <project>/.env, may hold lines such as ANTHROPIC_API_KEY=…; it is read if it is there.
set -euo pipefail
if [ $# -lt 1 ] || [ $# -gt 3 ]; then
    echo "usage: scripts/wave.sh THEME [KEYS] [PAR]" >&2
    exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
umask 077
environment="${WAVES_ENV:-$root/.env}"
if [ -f "$environment" ]; then
    set -a
    # shellcheck disable=SC1090 # the operator's own file
    . "$environment"
    set +a
fi
trigger=shell
[ -t 0 ] || trigger=cron
cd "$root"
exec "$root/.venv/bin/wave" fire "$1" ${2:+--keys "$2"} ${3:+--parallel "$3"} --trigger "$trigger"
