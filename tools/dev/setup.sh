# ./dev setup, and what every other command calls first. Sourced by ./dev.

setup_usage() {
  cat <<'TEXT'
usage: ./dev setup

Installs the packages of tools/dev/packages.txt with apt-get, without questions, as root or
through sudo. Does nothing when they are there. The log is build/setup.log.
TEXT
}

# The names in packages.txt that this machine lacks.
missing_packages() {
  local name unless _
  while read -r name unless _; do
    [[ -z "$name" || "$name" == "#"* ]] && continue
    if [[ "$unless" == "?"* ]] && command -v "${unless#\?}" >/dev/null; then continue; fi
    if [[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" != installed ]]; then
      echo "$name"
    fi
  done <tools/dev/packages.txt
}

# Changes with the list and with whatever is installed or removed on the machine.
setup_state() {
  cat tools/dev/packages.txt /var/lib/dpkg/status 2>/dev/null | sha256sum | cut -d' ' -f1
}

# as_root <command>…
as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo --non-interactive --preserve-env=DEBIAN_FRONTEND "$@"
  fi
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      fail "packages are missing and this is neither root nor is there sudo: $*" \
        "as root: apt-get install --no-install-recommends $*"
    sudo --non-interactive true 2>/dev/null || sudo --validate ||
      fail "sudo refused" "as root: apt-get install --no-install-recommends $*"
  fi
  local log=build/setup.log
  say "Installing $# packages and what they need (log: $log)"
  as_root apt-get update -q >"$log" 2>&1 ||
    fail "apt-get update" "$(tail -n 3 "$log")" "is the network there? then: ./dev setup"
  as_root apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 \
    -o DPkg::Lock::Timeout=300 "$@" 2>&1 | tee -a "$log" |
    awk '/newly installed/ { total = $3 }
         /^Setting up / { printf "[%d/%d] %s\n", ++n, total, $3; fflush() }' ||
    fail "apt-get install" "$(grep -E '^(E|dpkg):' "$log" | tail -n 3)" \
      "the whole log is $log; Debian 12 has all of these packages: $*"
}

# Installs what is missing; quick when nothing is.
ensure_setup() {
  mkdir -p build
  local stamp=build/setup.done
  [[ -f "$stamp" && "$(<"$stamp")" == "$(setup_state)" ]] && return
  command -v apt-get >/dev/null || fail "there is no apt-get here" \
    "Debian 12 is what this script knows; elsewhere install the like of tools/dev/packages.txt"
  local missing
  read -r -d '' -a missing <<<"$(missing_packages)" || true  # the end of the text ends it
  if ((${#missing[@]})); then install_packages "${missing[@]}"; fi
  setup_state >"$stamp"
}

# ensure_npm <folder>: installs what the folder's package-lock.json names, once for each lock file.
ensure_npm() {
  local folder=$1 lock=$1/package-lock.json
  [[ -f "$folder/package.json" ]] || return 0
  [[ -f "$lock" ]] || fail "$folder has a package.json without a package-lock.json"
  local stamp=$folder/node_modules/.installed want
  want=$(sha256sum <"$lock")
  [[ -f "$stamp" && "$(<"$stamp")" == "$want" ]] && return
  say "Installing npm packages of $folder"
  (cd "$folder" && npm ci --no-audit --no-fund) ||
    fail "npm ci in $folder" "is the network there? then the same command again"
  echo "$want" >"$stamp"
}

cmd_setup() {
  if wants_help "$@"; then setup_usage && return; fi
  (($#)) && fail "setup takes no arguments: $*" "./dev setup --help"
  ensure_setup
  say "Ready: every package of tools/dev/packages.txt is installed"
}
