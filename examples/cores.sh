#!/bin/sh
# One node a core on this machine: starts them, places counters over them, moves one, restarts a core under load. It
# says what it does, and ends after a few seconds.
#
# By environment variables:
#   CORES     nodes, each a program of its own (default: as many as there are cores, at least 2)
#   COUNTERS  processes (default 1000)
set -eu
export CORES="${CORES:-}" COUNTERS="${COUNTERS:-}"

program=cores/main
root="$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)"
. "$root/examples/start.sh"
