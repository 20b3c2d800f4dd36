# Sourced by the scripts, not run: builds when nothing is built yet, then becomes the program.
# `root` is the folder of the repository, `program` what runs.
lock="$root/.build-lock"

# Two scripts of a fresh clone may start at the same time: one builds, the other one waits.
while [ ! -f "$root/dist/examples/$program.js" ] || [ -d "$lock" ]; do
  if mkdir "$lock" 2>/dev/null; then
    trap 'rmdir "$lock"' EXIT
    trap 'exit 1' HUP INT TERM
    echo "Nothing is built yet: make build" >&2
    make -C "$root" build </dev/null >&2 || exit 1
    rmdir "$lock"
    trap - EXIT HUP INT TERM
  else
    [ -n "${waited:-}" ] || echo "Waiting for another script that builds (if none does: rmdir $lock)" >&2
    waited=1
    sleep 1
  fi
done

export NODE_NAME PORT HOST JOIN SECRET START PING_MS
exec node "$root/dist/examples/$program.js"
