# What the scripts that make images share. Sourced, not executed; POSIX sh.

die() {
    echo "*** ERROR : $*" >&2
    exit 1
}

# ask VARIABLE QUESTION DEFAULT: what the variable holds; else, on a terminal, what is answered; else the default.
ask() {
    eval "answer=\${$1:-}"
    if [ -z "$answer" ] && [ -t 0 ]; then
        printf '%s [%s]: ' "$2" "$3" >&2
        read -r answer || answer=
    fi
    eval "$1=\${answer:-\$3}"
}

# need PROGRAM PACKAGE: a program that must be there.
need() {
    command -v "$1" >/dev/null || die "$1 is not installed (package $2)"
}

need_root() {
    [ "$(id -u)" = 0 ] || die 'only root can make the files of an image'
}

# usage FILE: the comment at the top of a script, from its second line on.
usage() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$1"
}

# A directory to work in, that goes with the script however that ends. SCRATCH names it.
make_scratch() {
    SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/xdocker-image.XXXXXX")
    trap 'rm -rf --one-file-system "$SCRATCH"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# pack NAME: what tar(1) prints on our standard input becomes the archive NAME.xdockerimage here, whole or not at all.
pack() {
    gzip -6 >"$SCRATCH/archive" && mv "$SCRATCH/archive" "./$1.xdockerimage" && echo "$1.xdockerimage"
}

# options SCRIPT NAMES ARGUMENT...: `--NAME VALUE` sets NAME, which is one of NAMES, and `--dry-run` sets dry_run.
options() {
    _script=$1 _names=$2
    shift 2
    for _name in $_names; do
        eval "$_name="
    done
    while [ $# -gt 0 ]; do
        [ "$1" != --help ] || { usage "$_script"; exit 0; }
        case " $_names " in
            *" dry_run "*) [ "$1" != --dry-run ] || { dry_run=yes; shift; continue; } ;;
        esac
        _found=
        for _name in $_names; do
            [ "$1" != "--$_name" ] || _found=$_name
        done
        [ -n "$_found" ] || { usage "$_script" >&2; exit 2; }
        [ $# -gt 1 ] || { echo "*** ERROR : option $1 needs a value" >&2; exit 2; }
        eval "$_found=\$2"
        shift 2
    done
}

# Who owns an image and which version it is, if the options have not said it.
ask_name() {
    ask owner 'Name of its owner' xdocker
    ask version 'Version of the image' 1.0.0
}

# layer_options SCRIPT ARGUMENT...: sets base, owner and version for a script that makes a layer.
layer_options() {
    _layer=$1
    shift
    options "$_layer" 'base owner version' "$@"
    [ -n "$base" ] || { usage "$_layer" >&2; exit 2; }
    ask_name
}

# Commands for a container on Debian that install $packages, start nothing, and leave no list of packages, log or key.
apt_install='
set -eu
export DEBIAN_FRONTEND=noninteractive
printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get update -qq
apt-get install -yqq --no-install-recommends $packages
rm -rf /usr/sbin/policy-rc.d /etc/ssh/ssh_host_* /var/lib/apt/lists/* /var/cache/apt/* /var/log/*.log /var/log/apt
'

# The same on a distribution of rpm packages.
dnf_install='
set -eu
program=$(command -v dnf || command -v yum)
"$program" -y -q install $packages
"$program" -q clean all
rm -rf /etc/ssh/ssh_host_* /var/log/dnf* /var/log/yum*
'

# Commands that make /root/bin/sshd.start, which starts the server: the keys of a container are its own.
sshd_start='
mkdir -p /root/bin
cat >/root/bin/sshd.start <<"END"
#!/bin/sh
# Starts the ssh server, in the foreground with -D.
ssh-keygen -A >/dev/null
mkdir -p /run/sshd
exec /usr/sbin/sshd "$@"
END
chmod 755 /root/bin/sshd.start
'
