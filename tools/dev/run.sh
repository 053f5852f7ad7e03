# ./dev run: a hub and a simulated fleet, together until Ctrl-C. Sourced by ./dev.

run_usage() {
  cat <<'TEXT'
usage: ./dev run [--port N] [--devices N] [--rate R] [--duration SECONDS] [--data DIR]

Installs and builds what is missing, starts `fairlead serve --dev` on 127.0.0.1:8080 with its data
in ./data, plays 25 devices that send one sample a second each, and prints where to look.
Ctrl-C stops both. With --duration it ends by itself, with the fleet's exit code.
TEXT
}

run_hub='' run_fleet='' run_stopping=''

run_alive() { [[ -n "$1" ]] && kill -0 "$1" 2>/dev/null; }

# wait_for <pid>: its exit code, also when a signal interrupts the waiting.
wait_for() {
  local code=0
  while :; do
    code=0
    wait "$1" || code=$?
    run_alive "$1" || break
  done
  return "$code"
}

# The fleet first, so that it does not take the hub's leaving for a fault. A second signal hurries.
run_stop() {
  if [[ -n "$run_stopping" ]]; then
    run_alive "$run_fleet" && kill -KILL "$run_fleet" 2>/dev/null
    run_alive "$run_hub" && kill -TERM "$run_hub" 2>/dev/null
    return 0
  fi
  run_stopping=yes
  if run_alive "$run_fleet"; then
    kill -TERM "$run_fleet" 2>/dev/null
  elif run_alive "$run_hub"; then
    kill -TERM "$run_hub" 2>/dev/null
  fi
  return 0
}

# However this script ends, what it started ends with it.
run_leave() {
  run_alive "$run_fleet" && kill -KILL "$run_fleet" 2>/dev/null
  run_alive "$run_hub" && kill -TERM "$run_hub" 2>/dev/null
  return 0
}

# Waits for the hub's ready line, or says why there is none.
run_await_hub() {
  local out=$1 tries=0
  while ! grep -q . "$out" 2>/dev/null; do
    if [[ -n "$run_stopping" ]]; then exit 130; fi
    if ! run_alive "$run_hub"; then
      fail "the hub did not start" "its reason is above; another port: ./dev run --port 8081"
    fi
    ((++tries < 600)) || fail "the hub said nothing in 60 s"
    sleep 0.1
  done
}

cmd_run() {
  local port=8080 devices=25 rate=1 duration='' data=data
  while (($#)); do
    case "$1" in
      -h | --help) run_usage && return ;;
      --port | --devices | --rate | --duration | --data)
        (($# > 1)) || fail "$1 needs a value" "./dev run --help"
        printf -v "${1#--}" '%s' "$2"
        shift 2
        ;;
      *) fail "run does not know '$1'" "./dev run --help" ;;
    esac
  done
  ensure_setup
  build_preset release fairlead
  mkdir -p build/run
  local out=build/run/hub.out binary=build/release/fairlead
  : >"$out"

  # Each in a process group of its own: a Ctrl-C of the terminal reaches this script alone, which
  # passes it on once. Two signals would make the hub leave without draining.
  set -m
  "$binary" serve --dev --listen "127.0.0.1:$port" --data "$data" > >(tee -i "$out") &
  run_hub=$!
  trap run_stop INT TERM
  trap run_leave EXIT
  run_await_hub "$out"
  local fleet=("$binary" sim --url "ws://127.0.0.1:$port/v1/ws"
    --jwt-secret-file "$data/jwt.secret" --devices "$devices" --rate "$rate")
  [[ -n "$duration" ]] && fleet+=(--duration "$duration")
  say "A fleet of $devices devices is on its way. The dashboard: http://127.0.0.1:$port/" \
    "(the link above brings its token). Ctrl-C stops both."
  "${fleet[@]}" &
  run_fleet=$!
  set +m

  local fleet_code=0 hub_code=0
  wait_for "$run_fleet" || fleet_code=$?
  if [[ -z "$run_stopping" ]] && ! run_alive "$run_hub"; then
    wait "$run_hub" || hub_code=$?
    fail "the hub ended with exit code $hub_code while the fleet ran"
  fi
  run_alive "$run_hub" && kill -TERM "$run_hub" 2>/dev/null
  wait_for "$run_hub" || hub_code=$?
  if ((hub_code)); then fail "the hub ended with exit code $hub_code"; fi
  # Stopped by hand, the fleet ends by the signal: that is no failure.
  if [[ -n "$run_stopping" ]] && ((fleet_code >= 128)); then fleet_code=0; fi
  if ((fleet_code)); then fail "the fleet ended with exit code $fleet_code, see above"; fi
}
