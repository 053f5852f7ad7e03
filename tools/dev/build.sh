# ./dev build. Sourced by ./dev.

build_usage() {
  cat <<'TEXT'
usage: ./dev build [preset] [target…]

Presets (CMakePresets.json), each in build/<preset>:
  release   what is shipped and measured (default)
  dev       -O1 -g, with tests
  asan      AddressSanitizer and UndefinedBehaviorSanitizer, with tests
  tsan      ThreadSanitizer, with tests
  fuzz      libFuzzer targets, clang 19
Targets are CMake's; without any, all are built.
TEXT
}

# Afterwards build/<preset> knows the targets that the tree has now.
configure() {
  local preset=$1 log=build/$1.configure.log
  if [[ -f "build/$preset/build.ninja" ]]; then
    # Sees files and folders that came or went.
    ninja -C "build/$preset" build.ninja >"$log" 2>&1 && return
  fi
  say "Configuring $preset"
  cmake --preset "$preset" >"$log" 2>&1 || {
    cat "$log" >&2
    fail "configuring $preset" "if a package is missing: ./dev setup" \
      "if the compiler changed: rm -rf build/$preset"
  }
}

# build_preset <preset> [<target>…]
build_preset() {
  local preset=$1
  shift
  configure "$preset"
  say "Building $preset${*:+: $*}"
  ninja -C "build/$preset" "$@" ||
    fail "the build of $preset" "the first error above is the one to mend"
}

cmd_build() {
  if wants_help "$@"; then build_usage && return; fi
  local preset=release
  if (($#)); then
    is_preset "$1" || fail "there is no preset '$1'" "presets: $presets"
    preset=$1
    shift
  fi
  ensure_setup
  build_preset "$preset" "$@"
  if [[ -x "build/$preset/fairlead" ]]; then say "build/$preset/fairlead"; fi
}
