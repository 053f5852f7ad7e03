# ./dev bench and ./dev fuzz. Sourced by ./dev.

bench_usage() {
  cat <<'TEXT'
usage: ./dev bench [argument…]

Builds the release preset and runs build/release/fairlead-bench with the arguments
(./dev bench -- --help shows them). docs/performance.md says how to read what it prints.

  ./dev bench                    every figure to reach, beside its floor
  ./dev bench --compare          echo and fan-out, beside Boost.Beast, libwebsockets and ws on Node
  ./dev bench --sweep            echo and ingest by shards, connections and sizes of messages
  ./dev bench --profile ROW      where the hub spends its time under that row's load (perf)
With --quick each but a profile takes a few minutes at most.
TEXT
}

cmd_bench() {
  if wants_help "$@"; then bench_usage && return; fi
  if [[ "${1:-}" == "--" ]]; then shift; fi
  ensure_setup
  local targets=(benches)
  if [[ " $* " == *" --compare "* ]]; then
    targets+=(compare)
    ensure_npm bench/compare/ws
  fi
  build_preset release "${targets[@]}"
  [[ -x build/release/fairlead-bench ]] || fail "there is no bench/*.cpp to run"
  build/release/fairlead-bench "$@"
}

fuzz_usage() {
  cat <<'TEXT'
usage: ./dev fuzz [target] [--seconds N]

Builds the fuzz preset and runs each target of fuzz/ (or the one named, with or without _fuzz) for
N seconds (60), two at a time. Inputs to start from are in fuzz/corpus/<target>, what is found on
the way is kept in build/fuzz/corpus/<target>, and an input that crashes in build/fuzz/crashes.
./dev test replays fuzz/corpus with every preset, and with CI=true does what this command does.
TEXT
}

fuzz_targets() {
  local source
  for source in fuzz/*_fuzz.cpp; do basename "$source" .cpp; done
}

fuzz_one() {
  local target=$1 seconds=$2 name=${1%_fuzz}
  mkdir -p "build/fuzz/corpus/$name" build/fuzz/crashes
  say "Fuzzing $name for $seconds s"
  "build/fuzz/$target" -max_total_time="$seconds" -print_final_stats=1 -timeout=10 \
    -artifact_prefix="build/fuzz/crashes/$name-" "build/fuzz/corpus/$name" "fuzz/corpus/$name" \
    >"build/fuzz/$name.log" 2>&1 || {
    tail -n 40 "build/fuzz/$name.log" >&2
    fail "$name" "the input is in build/fuzz/crashes, the log is build/fuzz/$name.log" \
      "again: build/fuzz/$target build/fuzz/crashes/$name-…"
  }
  sed -n "s/^stat::\(number_of_executed_units\|new_units_added\): */$name \1: /p" \
    "build/fuzz/$name.log"
}

# fuzz_all <seconds> <target>…: two at a time, one a core where CI runs; the code says whether all
# of them stood.
fuzz_all() {
  local seconds=$1 target running=0 failed=0
  shift
  build_preset fuzz "$@"
  for target in "$@"; do
    if ((running == 2)); then
      wait -n || failed=1
      running=1
    fi
    fuzz_one "$target" "$seconds" &
    running=$((running + 1))
  done
  while ((running)); do
    wait -n || failed=1
    running=$((running - 1))
  done
  return "$failed"
}

cmd_fuzz() {
  local seconds=60 only='' targets=()
  while (($#)); do
    case "$1" in
      -h | --help) fuzz_usage && return ;;
      --seconds)
        [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || fail "--seconds needs a number"
        seconds=$2
        shift 2
        ;;
      -*) fail "fuzz does not know '$1'" "./dev fuzz --help" ;;
      *) only=${1%_fuzz} && shift ;;
    esac
  done
  ensure_setup
  mapfile -t targets < <(fuzz_targets)
  if [[ -n "$only" ]]; then
    [[ -f "fuzz/${only}_fuzz.cpp" ]] ||
      fail "there is no fuzz target '$only'" "targets: ${targets[*]%_fuzz}"
    targets=("${only}_fuzz")
  fi
  fuzz_all "$seconds" "${targets[@]}"
}
