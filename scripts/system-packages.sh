#!/usr/bin/env bash
# What pip cannot bring: Mesa's EGL, which renders scenes, and Chromium, in which tests open pages. Does nothing
# where they are present.
set -euo pipefail
packages=""
if ! { ldconfig -p | grep -q 'libEGL\.so\.1' && ldconfig -p | grep -q 'libgbm\.so\.1'; }; then
    packages="libegl1 libegl-mesa0 libgl1-mesa-dri libgbm1"
fi
if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
    packages="$packages chromium fonts-dejavu-core"
fi
if [ -z "$packages" ]; then
    exit 0
fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "note: rendering needs EGL, tests of pages Chromium (Debian: $packages); all else works without" >&2
    exit 0
fi
apt-get update -qq || true
for package in $packages; do # one by one: what a distribution lacks (Ubuntu has no chromium.deb) stops no other
    if ! DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null; then
        echo "note: $package could not be installed; rendering or tests of pages may need it, all else works" >&2
    fi
done
