#!/usr/bin/env bash
# setup.sh: installs what Lethe is built with on Debian 12, Ubuntu 24.04 or later, and nothing that is already there: apt
# packages, and oneDNN 3.1 or later from apt where it has one, else from the wheels of onednn.txt, unpacked into
# build/onednn. Without root or network it says exactly what is missing. A second call takes a moment and does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/packages.sh

packages=(cmake ninja-build pkg-config ccache libfmt-dev nlohmann-json3-dev libpcre2-dev libutf8proc-dev
  libtomlplusplus-dev libhwy-dev doctest-dev)
onednn_version=3.1

new_enough() { [ -n "$1" ] && [ "$1" != "(none)" ] && dpkg --compare-versions "$1" ge $onednn_version; }

have_onednn() {
  [ -e build/onednn/lib/cmake/dnnl/dnnl-config.cmake ] ||
    new_enough "$(dpkg-query -W -f '${Version}' libdnnl-dev 2>/dev/null || true)"
}

# Wheels lay their files under NAME.data/data/; the three names of the library become one file and two links.
unpack_onednn() {
  rm -rf build/onednn build/onednn.part && mkdir -p build/onednn.part
  python3 - build/wheels/onednn*.whl <<'PYTHON'
import pathlib, sys, zipfile
for wheel in sys.argv[1:]:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if ".data/data/" in name and not name.endswith(("/", "libdnnl.so", "libdnnl.so.3")):
                path = pathlib.Path("build/onednn.part", name.split(".data/data/", 1)[1])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(name))
PYTHON
  ln -s libdnnl.so.3.2 build/onednn.part/lib/libdnnl.so.3
  ln -s libdnnl.so.3 build/onednn.part/lib/libdnnl.so
  mv build/onednn.part build/onednn
  rm -rf build/wheels
}

wheels=no
if ! have_onednn || [ -n "$(missing_apt "${packages[@]}")" ]; then
  update_apt || true  # what cannot be had is named below
fi
if ! have_onednn; then
  if new_enough "$(apt-cache policy libdnnl-dev 2>/dev/null | sed -n 's/^  Candidate: //p')"; then
    packages+=(libdnnl-dev)
  else
    wheels=yes
    # shellcheck disable=SC2207  # nothing or one word
    packages+=($(pip_package))
  fi
fi
need_apt "${packages[@]}" || {
  [ $wheels = no ] || say "and, for oneDNN $onednn_version or later, the Python packages $(wheel_names tools/onednn.txt), which the next call fetches"
  exit 1
}
if [ $wheels = yes ]; then
  fetch_wheels tools/onednn.txt build/wheels
  unpack_onednn
fi
