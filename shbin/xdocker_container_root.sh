# Sets xdocker_CONTAINER_ROOT to where the root of a container is on the host while it runs.
#
#   . xdocker_container_root.sh CONTAINER
#
# Sourced, not executed. Some shells hand no arguments to what they source, as Debian's sh; there it is
#
#   set -- CONTAINER; . xdocker_container_root.sh
#
# On failure the variable is unset and the status is not 0.
if xdocker_CONTAINER_ROOT=$(xdocker -s container_root -c "${1:-}"); then
    export xdocker_CONTAINER_ROOT
else
    unset xdocker_CONTAINER_ROOT
    false
fi
