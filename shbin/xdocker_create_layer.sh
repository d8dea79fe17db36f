#!/bin/sh
# Makes a layer: an image that holds only what commands change on top of other images.
#
#   xdocker_create_layer.sh --base IMAGE[:VERSION][,...] --name IMAGE [--version X.Y.Z] --run COMMANDS
#
#   --base     the images that it will stand on, the lowest first; they must be here
#   --name     name of the layer
#   --version  its version (1.0.0)
#   --run      what to do in a container made of the base, as root, with the host's network
#
# The archive NAME:VERSION.xdockerimage appears in the current directory. Nothing else is left, here or in the home.
set -eu
. "$(dirname "$0")/xdocker_image_lib.sh"

options "$0" 'base name version run' "$@"
[ -n "$base" ] && [ -n "$name" ] && [ -n "$run" ] || { usage "$0" >&2; exit 2; }
ask version 'Version of the image' 1.0.0
need_root
need xdocker xdocker

# A name of its own: an image of that name may be here already, and stays as it is.
build=layer-$$
trap 'xdocker -a destroy -c "$build" -h -f >/dev/null 2>&1 || :; xdocker -a del_image -m "$build:$version" >/dev/null 2>&1 || :' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
xdocker -a create -m "$base" --host "$(echo "$name" | tr -c 'A-Za-z0-9\n' - | cut -c 1-60)" -c "$build" >/dev/null
xdocker -a boot -c "$build" >/dev/null
xdocker -a run -c "$build" --cmd "$run" >&2
xdocker -a shutdown -c "$build" >/dev/null
xdocker -a to_image --from-container "$build" --version "$version" --to-image "$build" >/dev/null
xdocker -a export -m "$build:$version" >/dev/null
mv "./$build:$version.xdockerimage" "./$name:$version.xdockerimage"
echo "$name:$version.xdockerimage"
