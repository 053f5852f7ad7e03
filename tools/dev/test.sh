# ./dev test. Sourced by ./dev.

test_usage() {
  cat <<'TEXT'
usage: ./dev test [--preset P] [--no-lint] [filter…]

Builds preset P (dev; also asan, tsan), lints, and runs every test program through CTest.
A filter is a part of a program's name (unit_hub, integration, e2e, simulation); when no program
has such a name it is a part of a test's own name. With a filter only what is needed is built, and
nothing is linted. With CI=true and no filter each fuzz target runs for a minute, too. The last line
is `N passed, N failed`: test cases of all programs, where lint, fuzzing and each program that broke
off without a result count as one more.
TEXT
}

# test_programs <preset> [<regex>]: names of the programs, which are also CMake targets.
test_programs() {
  ctest --test-dir "build/$1" -N ${2:+-R "$2"} | sed -n 's/^ *Test *#[0-9]*: //p'
}

# run_cases <preset> <part of a test's name>…: those cases in whichever program has them.
run_cases() {
  local preset=$1 code=0 names program output
  shift
  names=$(printf '*%s*,' "$@")
  : >build/cases.log
  for program in $(test_programs "$preset"); do
    output=$("build/$preset/$program" --no-colors=true "--test-case=${names%,}" 2>&1) || code=1
    if [[ "$output" == *"test cases: 0 |"* ]]; then continue; fi
    say "$program"
    echo "$output" | tee -a build/cases.log
  done
  python3 tools/dev/count_tests.py --log build/cases.log || code=1
  return "$code"
}

cmd_test() {
  local preset=dev lint=yes filters=() code=0
  while (($#)); do
    case "$1" in
      -h | --help) test_usage && return ;;
      --no-lint) lint='' && shift ;;
      --preset)
        (($# > 1)) && is_preset "$2" || fail "--preset needs one of: dev asan tsan"
        [[ "$2" == dev || "$2" == asan || "$2" == tsan ]] || fail "preset $2 has no tests"
        preset=$2
        shift 2
        ;;
      -*) fail "test does not know '$1'" "./dev test --help" ;;
      *) filters+=("$1") && shift ;;
    esac
  done
  ensure_setup
  configure "$preset"

  local regex='' programs=''
  if ((${#filters[@]})); then
    lint=''
    regex=$(IFS='|' && echo "${filters[*]}")
    programs=$(test_programs "$preset" "$regex")
    if [[ -z "$programs" ]]; then
      build_preset "$preset"
      ensure_npm tests/e2e
      run_cases "$preset" "${filters[@]}"
      return
    fi
  fi
  # shellcheck disable=SC2086  # one word a target
  build_preset "$preset" $programs

  local lint_failed=0
  if [[ -n "$lint" ]]; then
    (lint_all) || lint_failed=1
  fi
  if [[ -z "$programs" || "$programs" == *e2e* ]]; then ensure_npm tests/e2e; fi
  say "Testing"
  rm -f "build/$preset/Testing/Temporary/"Last*.log
  ctest --test-dir "build/$preset" -j 2 --output-on-failure ${regex:+-R "$regex"} || code=1
  if ((lint_failed)); then echo "lint failed, see above" && code=1; fi
  local fuzz_failed=0 targets=()
  if [[ "${CI:-}" == true && -z "$regex" && "$preset" == dev ]]; then
    mapfile -t targets < <(fuzz_targets)
    (fuzz_all 60 "${targets[@]}") || fuzz_failed=1
    if ((fuzz_failed)); then echo "fuzzing failed, see above" && code=1; fi
  fi
  python3 tools/dev/count_tests.py --ctest "build/$preset/Testing/Temporary" \
    --more-failed "$((lint_failed + fuzz_failed))" || code=1
  return "$code"
}
