#!/bin/sh
# Makes a layer with an ssh server for a Debian base image.
#
#   xdocker_create_image_debian-sshd.sh --base IMAGE[:VERSION][,...] [--owner NAME] [--version X.Y.Z]
#
#   --base     the images that it will stand on, the lowest first; they must be here
#   --owner    first part of the image's name  (asked for; xdocker)
#   --version  version of the image            (asked for; 1.0.0)
#
# The archive OWNER=debian-sshd:VERSION.xdockerimage appears in the current directory.
#
# There is no host key and no password in it: `/root/bin/sshd.start` makes the keys of a container when it first starts
# the server there, and who may log in is said by `/root/.ssh/authorized_keys`.
set -eu
. "$(dirname "$0")/xdocker_image_lib.sh"

layer_options "$0" "$@"
"$(dirname "$0")/xdocker_create_layer.sh" --base "$base" --name "$owner=debian-sshd" --version "$version" \
    --run "packages='openssh-server'$apt_install$sshd_start"
