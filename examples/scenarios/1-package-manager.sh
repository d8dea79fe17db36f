#!/bin/sh
# An image whose package manager works, built by hand in a container made of a Debian base (3.3.1 of the guide).
set -eu
. "$(dirname "$0")/lib.sh"
base_image
gone calvin=apt
mkdir -p "$packages"

# The volume keeps what is downloaded outside: once, for all images that are built.
show 'xdocker -a create -m calvin=debian --host apt --volume "$packages:/var/cache/apt/archives" -c calvin=apt'
show 'xdocker -a boot -c calvin=apt'
give "xdocker -a run -c calvin=apt -- bash -e" <<'END'
cat >/etc/apt/apt.conf.d/90image <<'CONF'
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Dir::Cache { pkgcache ""; srcpkgcache ""; };
CONF
apt-get update -qq
apt-cache search '^openssh-server$'
END
show 'xdocker -a shutdown -c calvin=apt'
show 'xdocker -s containers'
show 'xdocker -a to_image --from-container calvin=apt --version 1.0.0 --to-image calvin=apt'
show 'xdocker -s containers'
show 'xdocker -s images'
