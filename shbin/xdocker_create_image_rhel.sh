#!/bin/sh
# Makes a base image of a RHEL-like distribution out of its own packages.
#
#   xdocker_create_image_rhel.sh [--owner NAME] [--version X.Y.Z] [--release N] [--include PACKAGE,...] [--dry-run]
#
#   --owner    first part of the image's name  (asked for; xdocker)
#   --version  version of the image            (asked for; 1.0.0)
#   --release  release, as in 9 or 7.4         (that of this host)
#   --include  further packages
#   --dry-run  say what would be done
#
# The archive OWNER=rhel-RELEASE-ARCHITECTURE:VERSION.xdockerimage appears in the current directory. Wants a host whose
# dnf or yum can be used, or supermin5, which takes the files of packages that are installed on the host.
set -eu
. "$(dirname "$0")/xdocker_image_lib.sh"

options "$0" 'owner version release include dry_run' "$@"
ask_name
[ -n "$release" ] || release=$(. /etc/os-release 2>/dev/null && echo "${VERSION_ID:-}") || :
[ -n "$release" ] || die 'which release? (--release)'
# What one finds missing in a shell.
packages="bash coreutils findutils grep sed gawk tar gzip procps-ng iproute hostname less vi $(echo "$include" | tr , ' ')"

do_it() {
    if [ -n "$dry_run" ]; then echo "$*"; else "$@" >&2; fi
}

[ -n "$dry_run" ] || { need_root; make_scratch; }
root=${SCRATCH:-SCRATCH}/root
[ -n "$dry_run" ] || mkdir "$root"
if program=$(command -v dnf || command -v yum); then
    do_it "${program##*/}" -y --installroot="$root" --releasever="${release%%.*}" --setopt=tsflags=nodocs \
        --setopt=install_weak_deps=False install basesystem $packages yum
    do_it "${program##*/}" -y --installroot="$root" clean all
elif command -v supermin5 >/dev/null || [ -n "$dry_run" ]; then
    do_it supermin5 -v --prepare $packages yum -o "$root.prepared"
    do_it supermin5 -v --build --format chroot "$root.prepared" -o "$root"
else
    die 'neither dnf, yum nor supermin5 is installed'
fi
[ -z "$dry_run" ] || exit 0
rm -rf "$root"/var/cache/dnf "$root"/var/cache/yum "$root"/etc/ssh/ssh_host_*
tar -C "$root" --numeric-owner --xattrs --one-file-system -cf "$SCRATCH/tar" .
pack "$owner=rhel-$release-$(uname -m):$version" <"$SCRATCH/tar"
