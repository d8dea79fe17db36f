#!/bin/sh
# By the name that it has always had.
exec "$(dirname "$0")/xdocker_create_image_rhel-sshd.sh" "$@"
