#!/bin/sh
# Makes a layer with a C compiler and make for a base image of a RHEL-like distribution.
#
#   xdocker_create_image_rhel-gcc.sh --base IMAGE[:VERSION][,...] [--owner NAME] [--version X.Y.Z]
#
#   --base     the images that it will stand on, the lowest first; they must be here
#   --owner    first part of the image's name  (asked for; xdocker)
#   --version  version of the image            (asked for; 1.0.0)
#
# The archive OWNER=rhel-gcc:VERSION.xdockerimage appears in the current directory.
set -eu
. "$(dirname "$0")/xdocker_image_lib.sh"

layer_options "$0" "$@"
"$(dirname "$0")/xdocker_create_layer.sh" --base "$base" --name "$owner=rhel-gcc" --version "$version" \
    --run "packages='gcc make'$dnf_install"
