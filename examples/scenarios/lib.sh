# What the scenarios share. Sourced, not executed; POSIX sh.
#
# Each of them runs by itself, as root, with `xdocker` and its scripts in PATH, on the home that $xdocker_HOME names. What
# an earlier one would have made is made where it is missing.

here=$(cd "$(dirname "$0")" && pwd)

# show COMMAND: a command as somebody types it, and what it prints.
show() {
    printf '# %s\n' "$1"
    eval "$1"
}

# give COMMAND: the same for one that is given our standard input.
give() {
    input=$(cat)
    printf '# %s\n' "$1"
    printf '%s\n' "$input" | sed 's/^/> /'
    printf '%s\n' "$input" | eval "$1"
}

fail() {
    echo "*** ERROR : $*" >&2
    exit 1
}

# A directory to work in, that goes with the scenario.
scratch() {
    SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/xdocker-scenario.XXXXXX")
    cd "$SCRATCH"
    trap 'rm -rf --one-file-system "$SCRATCH"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# Where packages are kept that were downloaded: outside, once for all images.
packages=${XDOCKER_PACKAGES:-/var/tmp/xdocker-packages}

has_image() {
    xdocker -s images --json | grep -q "\"name\":\"$1\",\"version\":\"${2:-}"
}

# image NAME SCENARIO: an image that an earlier scenario makes.
image() {
    has_image "$1" || "$here/$2"
}

# The Debian that all of them stand on, as `calvin=debian`.
base_image() {
    has_image calvin=debian && return
    scratch
    xdocker_create_image_debian.sh --owner calvin --version 1.0.0 </dev/null >/dev/null
    mv calvin=debian-*.xdockerimage calvin=debian:1.0.0.xdockerimage
    show 'xdocker -a import --image-file calvin=debian:1.0.0.xdockerimage'
}

# build NAME PACKAGE REST: the image calvin=NAME, a layer with a package on Debian. The package starts nothing, and of what it
# has made REST is no part of the image.
build() {
    image calvin=apt 1-package-manager.sh
    gone "calvin=$1"
    # It is built with the host's network, where the packages come from.
    show "xdocker -a create -m calvin=debian,calvin=apt --host $1 --volume \"\$packages:/var/cache/apt/archives\" -c calvin=$1"
    show "xdocker -a boot -c calvin=$1"
    give "xdocker -a run -c calvin=$1 -- bash -e" <<END
exec >/dev/null 2>&1
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
DEBIAN_FRONTEND=noninteractive apt-get install -y $2
rm -f /usr/sbin/policy-rc.d $3
END
    show "xdocker -a shutdown -c calvin=$1"
    show "xdocker -a to_image --from-container calvin=$1 --version 1.0.0 --to-image calvin=$1"
    show 'xdocker -s images'
}

# gone CONTAINER: destroys one that an earlier run, which was broken off, may have left.
gone() {
    ! xdocker -s container_root -c "$1" >/dev/null 2>&1 || xdocker -a destroy -c "$1" -h -f >/dev/null
}

# The rest of the scenario runs on a host of its own, with addresses that are nobody's, and a remote host beside it:
# nothing of this machine's network is used or changed. `$REMOTE COMMAND` is done there; HOST is the address of the host.
on_own_host() {
    HOST=10.9.0.1
    [ -z "${SCENARIO_HOST:-}" ] || return 0
    SCENARIO_HOST=yes exec unshare --net --mount sh -c '
        set -eu
        mount -t tmpfs -o mode=755 run /run
        ip link set lo up
        ip netns add remote
        ip link add wan up type veth peer name eth0 netns remote
        ip addr add 10.9.0.1/24 dev wan
        ip -n remote link set lo up
        ip -n remote link set eth0 up
        ip -n remote addr add 10.9.0.2/24 dev eth0
        exec sh "$@"' sh "$0"
}

# What comes before a command that the remote host is to execute.
REMOTE='ip netns exec remote'

# until_it SAYS COMMAND: the command is repeated until it prints what is to be said, for a minute at least and not for ever.
until_it() {
    for _ in $(seq 600); do
        eval "$2" 2>/dev/null | grep -q "$1" && return
        sleep 0.1
    done
    fail "\`$2\` does not say \`$1\`"
}
