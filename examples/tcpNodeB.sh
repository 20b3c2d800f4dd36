#!/bin/sh
# Outside the cluster: node `b`, another cluster, which takes what is sent to its TCP port. Any order will do.
#
# By environment variables, so that several pairs run at once:
#   NODE_NAME  its name (default b)
#   PORT       where it listens (default 1806; 0 takes a free one and says which)
#   HOST       its address (default 127.0.0.1; any other needs SECRET)
#   JOIN       members to join through, host:port, separated by commas (default none: a cluster of its own)
#   SECRET     at least 16 bytes, the same on both nodes (default none)
#   START      1: starts the process and pings it, 0: waits for it (default 0)
#   PING_MS    between two pings, in ms (default 1000)
set -eu
NODE_NAME="${NODE_NAME:-b}" PORT="${PORT:-1806}" HOST="${HOST:-127.0.0.1}" JOIN="${JOIN:-}"
SECRET="${SECRET:-}" START="${START:-0}" PING_MS="${PING_MS:-1000}"

program=node
root="$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)"
. "$root/examples/start.sh"
