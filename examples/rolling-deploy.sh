#!/bin/sh
# A deploy without losing state: three nodes, sessions in memory, load on all of them, and each node is restarted in turn
# by SIGTERM. It says what was lost (nothing), what failed (nothing), and the longest that any caller waited.
#
# By environment variables:
#   NODES     programs that run sessions (default 3)
#   SESSIONS  processes (default 1000)
#   CALLERS   calls under way at any time (default 32)
set -eu
export NODES="${NODES:-}" SESSIONS="${SESSIONS:-}" CALLERS="${CALLERS:-}"

program=rolling-deploy/main
root="$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)"
. "$root/examples/start.sh"
