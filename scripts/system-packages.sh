#!/usr/bin/env bash
# Libraries that rendering scenes needs and pip cannot bring: Mesa's EGL. Does nothing where they are present.
set -euo pipefail
if ldconfig -p | grep -q 'libEGL\.so\.1' && ldconfig -p | grep -q 'libgbm\.so\.1'; then
    exit 0
fi
packages="libegl1 libegl-mesa0 libgl1-mesa-dri libgbm1"
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "note: rendering needs EGL (Debian: $packages); everything else works without it" >&2
    exit 0
fi
if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null; }; then
    echo "note: $packages could not be installed; rendering needs them, everything else works without" >&2
fi
