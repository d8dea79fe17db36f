#!/bin/sh
# The same as a single process: the server is the container's root process, and its end the container's (3.3.5 of the
# guide).
set -eu
. "$(dirname "$0")/lib.sh"
has_image calvin=nginx 1.1.0 || "$here/4-template.sh"

on_own_host
scratch
gone single
show 'xdocker -a create -m calvin=debian,calvin=nginx --host single --net BRIDGE --vip 166.88.0.2 --port-mapping 8600:8600 -c single'
cat >map <<'END'
${FORWARD_PORT} 8600
${ADMIN_PORT}   9600
${GREETING}     one process
END
# A container that does not run yet can be configured, too.
show "xdocker -a rplfile -c single --template-file /etc/nginx/conf.d/service.conf.tpl --mapping-file map --instance-file /etc/nginx/conf.d/service.conf"
show "xdocker -a boot -c single -e \"/usr/sbin/nginx -g 'daemon off;'\""
until_it 'one process' "$REMOTE busybox wget -qO- http://$HOST:8600/"
show "$REMOTE busybox wget -qO- http://$HOST:8600/"
show 'xdocker -s containers'
show 'xdocker -s top -c single | head -n 3'
show 'xdocker -a destroy -c single -h'
