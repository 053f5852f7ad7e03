# ./dev bench and ./dev fuzz. Sourced by ./dev.

bench_usage() {
  cat <<'TEXT'
usage: ./dev bench [argument…]

Builds the release preset and runs build/release/fairlead-bench with the arguments
(./dev bench -- --help shows them). docs/performance.md says how to read what it prints.
TEXT
}

cmd_bench() {
  if wants_help "$@"; then bench_usage && return; fi
  if [[ "${1:-}" == "--" ]]; then shift; fi
  ensure_setup
  build_preset release benches
  [[ -x build/release/fairlead-bench ]] || fail "there is no bench/*.cpp to run"
  build/release/fairlead-bench "$@"
}

fuzz_usage() {
  cat <<'TEXT'
usage: ./dev fuzz [target] [--seconds N]

Builds the fuzz preset and runs each target of fuzz/ (or the one named, with or without _fuzz) for
N seconds (60). Inputs to start from are in fuzz/corpus/<target>, what is found on the way is kept
in build/fuzz/corpus/<target>, and an input that crashes in build/fuzz/crashes.
TEXT
}

fuzz_one() {
  local target=$1 seconds=$2 name=${1%_fuzz} seeds=() folder
  for folder in "fuzz/corpus/$name" "fuzz/corpus/$target"; do
    if [[ -d "$folder" ]]; then seeds+=("$folder"); fi
  done
  mkdir -p "build/fuzz/corpus/$name" build/fuzz/crashes
  say "Fuzzing $name for $seconds s"
  "build/fuzz/$target" -max_total_time="$seconds" -print_final_stats=1 -timeout=10 \
    -artifact_prefix="build/fuzz/crashes/$name-" "build/fuzz/corpus/$name" "${seeds[@]}" \
    >"build/fuzz/$name.log" 2>&1 || {
    tail -n 40 "build/fuzz/$name.log" >&2
    fail "$name" "the input is in build/fuzz/crashes, the log is build/fuzz/$name.log" \
      "again: build/fuzz/$target build/fuzz/crashes/$name-…"
  }
  grep -E 'number_of_executed_units|new_units_added' "build/fuzz/$name.log" || true
}

cmd_fuzz() {
  local seconds=60 only='' source target found=''
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
  configure fuzz
  for source in fuzz/*_fuzz.cpp; do
    [[ -f "$source" ]] || fail "there is nothing in fuzz/ to run"
    target=$(basename "$source" .cpp)
    [[ -z "$only" || "$target" == "${only}_fuzz" ]] || continue
    found=yes
    build_preset fuzz "$target"
    fuzz_one "$target" "$seconds"
  done
  [[ -n "$found" ]] || fail "there is no fuzz target '$only'" "targets: $(ls fuzz/*_fuzz.cpp)"
}
