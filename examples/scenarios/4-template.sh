#!/bin/sh
# The configuration becomes a template, and two containers get one of their own from it (3.3.4 of the guide).
set -eu
. "$(dirname "$0")/lib.sh"
has_image calvin=nginx 1.0.0 || "$here/3-load-balancer.sh"

if ! has_image calvin=nginx 1.1.0; then
    gone calvin=nginx
    # The image of the last scenario stays for others: a copy is changed.
    show 'xdocker -a copy_image --from-image calvin=nginx:1.0.0 --to-image calvin=nginx:1.1.0'
    show 'xdocker -a to_container --from-image calvin=nginx:1.1.0 -m calvin=debian --host nginx --to-container calvin=nginx'
    show 'xdocker -a boot -c calvin=nginx'
    give 'xdocker -a run -c calvin=nginx -- sh -e' <<'END'
cat >/etc/nginx/conf.d/service.conf.tpl <<'TEMPLATE'
server {
    listen ${FORWARD_PORT};
    location / { return 200 "${GREETING}\n"; }
    location /admin { return 200 "${ADMIN_PORT}\n"; }
}
TEMPLATE
END
    show 'xdocker -a shutdown -c calvin=nginx'
    show 'xdocker -a to_image --from-container calvin=nginx --version 1.1.0 --to-image calvin=nginx'
    show 'xdocker -s images'
fi

on_own_host
scratch
number=2
for name in left right; do
    gone $name
    port=$((8600 + number))
    show "xdocker -a create -m calvin=debian,calvin=nginx --host $name --net BRIDGE --vip 166.88.0.$number --port-mapping $port:$port -c $name"
    show "xdocker -a boot -c $name"
    cat >"$name.map" <<END
\${FORWARD_PORT} $port
\${ADMIN_PORT}   $((port + 1000))
\${GREETING}     greetings from the $name 容器
END
    show "cat $name.map"
    show "xdocker -a rplfile -c $name --template-file /etc/nginx/conf.d/service.conf.tpl --mapping-file $name.map --instance-file /etc/nginx/conf.d/service.conf"
    show "xdocker -a run -c $name --cmd 'cat /etc/nginx/conf.d/service.conf'"
    show "xdocker -a run -c $name --cmd nginx"
    until_it "greetings from the $name 容器" "$REMOTE busybox wget -qO- http://$HOST:$port/"
    show "$REMOTE busybox wget -qO- http://$HOST:$port/"
    number=$((number + 1))
done
for name in left right; do
    show "xdocker -a run -c $name --cmd 'kill \$(cat /run/nginx.pid)'"
    show "xdocker -a destroy -c $name -h"
done
