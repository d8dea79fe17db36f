#!/bin/sh
# Makes a base image of Debian, or of a distribution made like it, out of its own packages.
#
#   xdocker_create_image_debian.sh [--owner NAME] [--version X.Y.Z] [--suite SUITE]
#                                  [--include PACKAGE,...] [--sources FILE] [--dry-run]
#
#   --owner    first part of the image's name          (asked for; xdocker)
#   --version  version of the image                    (asked for; 1.0.0)
#   --suite    release, as in bookworm                 (that of this host)
#   --include  further packages
#   --sources  where packages come from: a sources.list, or a file of sources.list.d (this host's)
#   --dry-run  say what would be done
#
# The archive OWNER=debian-RELEASE-ARCHITECTURE:VERSION.xdockerimage appears in the current directory, to be had by
# `xdocker -a import --image-file FILE`. It holds no key, no password and no list of packages that can be had.
# Wants mmdebstrap, or debootstrap, which takes packages from its own default place.
set -eu
. "$(dirname "$0")/xdocker_image_lib.sh"

options "$0" 'owner version suite include sources dry_run' "$@"
ask_name
host_suite=$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}") || :
suite=${suite:-${host_suite:-stable}}
[ -z "$sources" ] || [ -s "$sources" ] || die "there is nothing in $sources"
for sources in "$sources" /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources ''; do
    [ ! -s "$sources" ] || break
done

if command -v mmdebstrap >/dev/null; then
    # Nobody asks the image for the lists of packages before they are old.
    set -- mmdebstrap --quiet --mode=root --variant=minbase ${include:+"--include=$include"} \
        --customize-hook='rm -rf "$1"/var/lib/apt/lists/*' "$suite" - ${sources:+"$sources"}
else
    set -- debootstrap --variant=minbase ${include:+"--include=$include"} "$suite"
fi
if [ -n "$dry_run" ]; then
    echo "$*"
    exit 0
fi
need_root
need "$1" "mmdebstrap or debootstrap"
make_scratch
root=$SCRATCH/root
mkdir "$root"
if [ "$1" = mmdebstrap ]; then
    "$@" >"$SCRATCH/tar"
    tar -C "$root" -xf "$SCRATCH/tar" ./usr/lib/os-release
else
    "$@" "$root" >&2
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
    tar -C "$root" --numeric-owner --xattrs --one-file-system -cf "$SCRATCH/tar" .
fi
release=$(. "$root/usr/lib/os-release" && echo "${VERSION_ID:-${VERSION_CODENAME:-$suite}}")
pack "$owner=debian-$release-$(uname -m):$version" <"$SCRATCH/tar"
