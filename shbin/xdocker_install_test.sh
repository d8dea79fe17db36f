#!/bin/sh
# Makes the root file system of the test image in a directory.
#
#   xdocker_install_test.sh [DIRECTORY]
#
# It is what `xdocker -a install_test` makes an image of. DIRECTORY is the current one where none is named, and must be
# empty.
set -eu
. "$(dirname "$0")/xdocker_image_lib.sh"

case ${1:-} in
    --help) usage "$0"; exit 0 ;;
    -*) usage "$0" >&2; exit 2 ;;
esac
directory=${1:-.}
need_root
need xdocker xdocker
mkdir -p "$directory"
[ -z "$(ls -A "$directory")" ] || die "$directory is not empty"
# Beside it, so that the files are moved and not copied.
home=$(mktemp -d "$directory/.home.XXXXXX")
trap 'rm -rf "$home"' EXIT
xdocker_HOME=$home xdocker -a install_test >/dev/null
mv "$home"/images/test/_/rlayer/* "$directory/"
