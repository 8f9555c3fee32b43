# Shared by the scripts beside it (sourced, never run): where things are, how to speak, how to get Debian packages.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${JI_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/jobinit}
jobs=${JI_JOBS:-$(nproc)}

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# What compiling and linking the binary needs, and nothing else.
build_packages=(
  g++ cmake ninja-build pkg-config dpkg-dev ca-certificates
  libboost1.81-dev libfmt-dev nlohmann-json3-dev libc-ares-dev libre2-dev
)
# What the unit and system tests need on top.
test_packages=(
  libgtest-dev libgmock-dev python3 python3-pytest python3-jsonschema python3-botocore
  strace util-linux procps clang-format clang-tidy
  tini dumb-init catatonit
)
# What the container tests need on top.
container_packages=(
  gcc libc6-dev
  docker.io iptables busybox-static mmdebstrap prometheus prometheus-pushgateway
)
# What the tests on cgroup v2 need on top.
vm_packages=(qemu-system-x86 cpio busybox-static util-linux gcc libc6-dev)
# What the fuzzers need on top: clang, and the libFuzzer of its version.
fuzz_packages=(clang-14 clang libclang-rt-14-dev)
# What the peers' own tests need on top.
peer_packages=(tini dumb-init catatonit gcc libc6-dev python3 python3-pytest python3-py python3-psutil python3-prctl)
# What the benchmarks need on top.
bench_packages=(tini dumb-init catatonit s6 libbenchmark-dev python3)

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
  done
}

# Installs what is missing of the packages named, as root or by sudo; names what to install where it cannot.
# A stamp of the package list makes the second call free: dpkg is not even asked.
need_packages() {
  local stamp missing as_root=()
  stamp=$cache/packages.$(printf '%s\n' "$@" /var/lib/dpkg/info | sha256sum | cut -c1-16)
  if [ -e "$stamp" ] && [ ! /var/lib/dpkg/status -nt "$stamp" ]; then return 0; fi
  command -v dpkg-query >/dev/null || die "this needs Debian or a relative of it (no dpkg here); CONTRIBUTING.md says how to build elsewhere"
  missing=$(missing_packages "$@" | tr '\n' ' ')
  if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
      if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo -n env)
      else
        die "missing packages, and no right to install them. As root: apt-get install --no-install-recommends $missing"
      fi
    fi
    say "installing $missing"
    if ! apt_install "$missing"; then
      say "apt's package lists may be old: fetching them"
      "${as_root[@]}" apt-get update -qq || die "apt-get update failed; missing packages: $missing"
      apt_install "$missing" || die "apt-get could not install: $missing"
    fi
  fi
  mkdir -p "$cache"
  touch "$stamp"
}

apt_install() {
  # shellcheck disable=SC2086 # a list of package names
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $1 </dev/null >&2
}

# The source packages come from wherever the system's own packages come from, with the same keys: every configured
# Debian archive is named once more as deb-src, in a list and with an index folder of our own.
apt_own=(
  -o "Dir::Etc::SourceList=$cache/apt/deb-src.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt/cache" -o APT::Sandbox::User=root
  -o APT::Get::List-Cleanup=true
)
# Fails where there is none.
write_source_list() {
  mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg option=
  [ ! -e "$keyring" ] || option="[signed-by=$keyring] "
  # shellcheck disable=SC2016 # apt's own placeholders
  apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 'Created-By: Packages' |
    sed -n "s#^Debian|\(.*\)|\(bookworm[a-z-]*\)|main\$#deb-src $option\1 \2 main#p" |
    sort -u >"$cache/apt/deb-src.list"
  if [ ! -s "$cache/apt/deb-src.list" ] && [ "${1:-}" != again ] && [ "$(id -u)" = 0 ]; then
    apt-get update -qq >&2 || true
    write_source_list again
    return
  fi
  [ -s "$cache/apt/deb-src.list" ]
}

# Prints the path of a Linux kernel for the machine of tests/cgroup2: Debian's for virtual machines, taken out of its
# package into the cache, never installed. One that is there already is good enough.
vm_kernel() {
  local folder=$cache/kernel found package
  found=$([ ! -d "$folder" ] || find "$folder" -name 'vmlinuz-*')
  if [ -z "$found" ]; then
    command -v apt-get >/dev/null || die "this needs apt to get Debian's kernel package"
    rm -rf "$folder.new"
    mkdir -p "$folder.new"
    fetch_kernel "$folder.new" || { [ "$(id -u)" = 0 ] && apt-get update -qq >&2 && fetch_kernel "$folder.new"; } ||
      die "apt-get cannot download the package that linux-image-cloud-amd64 depends on"
    package=$(find "$folder.new" -name '*.deb')
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$folder.new" --wildcards './boot/vmlinuz-*'
    rm "$package"
    rm -rf "$folder"
    mv "$folder.new" "$folder"
    found=$(find "$folder" -name 'vmlinuz-*')
  fi
  printf '%s\n' "$found"
}

fetch_kernel() { # FOLDER
  local name
  name=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1)
  [ -n "$name" ] && (cd "$1" && apt-get download -qq -o APT::Sandbox::User=root "$name" >&2)
}
