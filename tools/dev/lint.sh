# ./dev lint and ./dev format. Sourced by ./dev.

lint_usage() {
  cat <<'TEXT'
usage: ./dev lint [--all] [--no-tidy] [--self-test]

  formatting   clang-format 19
  tree         include floors, size caps, names, folders (tools/lint)
  clang-tidy   the files that differ from the merge base with origin/main, or on main itself from
               the last commit; with --all every file. Results are kept in build/tidy.
--self-test plants a fault for each rule of tools/lint and sees that it is found, and no more.
TEXT
}

format_usage() {
  cat <<'TEXT'
usage: ./dev format

Rewrites every C++ file with clang-format 19 and .clang-format.
TEXT
}

cpp_files() { python3 tools/lint/run.py --list .h .cpp; }

lint_format() {
  local found
  found=$(cpp_files | xargs -r clang-format-19 --dry-run -Werror 2>&1) || {
    grep -E 'error:' <<<"$found" | sort -u -t: -k1,1
    echo "  ./dev format mends this"
    return 1
  }
}

# lint_all [--all] [--no-tidy]; the code says whether anything was found.
lint_all() {
  local failed=0 tidy=yes which=()
  for option in "$@"; do
    case "$option" in
      --all) which=(--all) ;;
      --no-tidy) tidy='' ;;
    esac
  done
  say "Lint: formatting"
  lint_format || failed=1
  say "Lint: the tree"
  python3 tools/lint/run.py --self-test || failed=1
  python3 tools/lint/run.py || failed=1
  if [[ -n "$tidy" ]]; then
    say "Lint: clang-tidy${which[*]:+ on every file}"
    configure dev
    # Generated headers are read too.
    ninja -C build/dev embed_version embed_migrations_sqlite embed_web embed_spec >/dev/null ||
      fail "generating headers"
    python3 tools/lint/tidy.py --build build/dev "${which[@]}" || failed=1
  fi
  return "$failed"
}

cmd_lint() {
  local options=()
  for option in "$@"; do
    case "$option" in
      -h | --help) lint_usage && return ;;
      --self-test)
        ensure_setup
        python3 tools/lint/run.py --self-test
        return
        ;;
      --all | --no-tidy) options+=("$option") ;;
      *) fail "lint does not know '$option'" "./dev lint --help" ;;
    esac
  done
  ensure_setup
  lint_all "${options[@]}" || fail "lint, see above"
  say "Nothing found"
}

cmd_format() {
  if wants_help "$@"; then format_usage && return; fi
  ensure_setup
  cpp_files | xargs -r -n 20 -P "$(nproc)" clang-format-19 -i
  say "Formatted"
}
