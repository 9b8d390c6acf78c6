# Shared by app/run, tests/run and .ci/run; sourced, not run. What lives here: the lists of packages, and how this machine installs, configures and builds.
# It keeps to bash and what Debian 12 always has until install_packages has run.

# To build the program and to run it.
packages_run=(
  meson ninja-build pkg-config gcc g++
  libglib2.0-dev libglib2.0-bin libjson-glib-dev libcairo2-dev
  libpng-dev libjpeg62-turbo-dev libdcmtk-dev libopenjp2-7-dev zlib1g-dev
  libdnnl-dev
  libgtk-4-dev libadwaita-1-dev libpango1.0-dev gettext desktop-file-utils
  adwaita-icon-theme librsvg2-common fonts-dejavu-core
  ca-certificates python3 python3-pip
)
# To run the tests, on top of the above.
packages_test=(
  clang libclang-rt-14-dev
  xvfb xdotool imagemagick
)

say() { printf '== %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    die "this needs root to install packages, and there is no sudo: run it as root, or install by hand: ${missing[*]}"
  fi
}

# Under sudo the files of the build and the window belong to the user who called sudo, if the source tree is theirs.
as_user() {
  if [ "$(id -u)" = 0 ] && [ "${SUDO_UID:-0}" != 0 ] && sudo -u "#$SUDO_UID" test -w "$top"; then
    sudo -E -H -u "#$SUDO_UID" env PATH="$PATH" "$@"
  else
    "$@"
  fi
}

# Installs what is missing of the packages named; asks the package lists only then.
install_packages() {
  missing=()
  if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    warn "this is not Debian or a relative of it; install the equivalents of: $*"
    return 0
  fi
  local name
  for name in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  if [ ${#missing[@]} = 0 ]; then
    say "All $# packages are installed."
    return 0
  fi
  say "Installing ${#missing[@]} packages: ${missing[*]}"
  as_root apt-get update -q </dev/null || warn "the package lists could not be refreshed; trying with those at hand"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null \
    || die "the packages could not be installed; see the lines above, then run this again: ${missing[*]}"
}

# configure_build DIR OPTION...: sets DIR up, or again when the options are others than the last time.
configure_build() {
  local dir=$1 wanted
  shift
  wanted="${CC:-} ${CXX:-} $*"
  if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/.options" 2>/dev/null)" = "$wanted" ]; then
    return 0
  fi
  if [ -e "$dir/meson-private" ]; then
    as_user meson setup --wipe "$@" "$dir" "$top" || return 1
  else
    as_user meson setup "$@" "$dir" "$top" || return 1
  fi
  printf '%s\n' "$wanted" | as_user tee "$dir/.options" >/dev/null
}

build() {
  # A compiler needs up to 1 GB: no more of them than the memory holds.
  local jobs memory
  jobs=$(nproc)
  memory=$(awk '/MemAvailable/ { print int($2 / 1000000) }' /proc/meminfo)
  [ "${memory:-1}" -lt "$jobs" ] && jobs=$memory
  [ "$jobs" -lt 1 ] && jobs=1
  as_user ninja -C "$1" -j "$jobs" "${@:2}"
}
