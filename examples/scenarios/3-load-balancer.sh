#!/bin/sh
# An image with nginx, and three containers of it: two services, and a balancer before them (3.3.3 of the guide).
set -eu
. "$(dirname "$0")/lib.sh"

has_image calvin=nginx 1.0.0 || build nginx nginx-light '/etc/nginx/sites-enabled/*'

on_own_host
scratch
stack=calvin=debian,calvin=apt,calvin=nginx:1.0.0
for name in one two balancer; do gone $name; done
for number in 1 2; do
    name=$(echo one two | cut -d ' ' -f $number)
    show "xdocker -a create -m $stack --net BRIDGE --vip 166.88.0.1$number -c $name"
    show "xdocker -a boot -c $name"
    give "xdocker -a run -c $name -- sh -e" <<END
echo 'server { listen 8000; return 200 "$name\n"; }' >/etc/nginx/conf.d/service.conf
nginx
END
done
show "xdocker -a create -m $stack --net BRIDGE --vip 166.88.0.2 --port-mapping 8600:8600 -c balancer"
show 'xdocker -a boot -c balancer'
# They know one another by name.
give 'xdocker -a run -c balancer -- sh -e' <<'END'
echo 'upstream services { zone all 64k; server one:8000; server two:8000; }
server { listen 8600; location / { proxy_pass http://services; } }' >/etc/nginx/conf.d/balancer.conf
nginx
END
# The workers of the balancer take turns together; after the second service it is the first one's.
until_it two "$REMOTE busybox wget -qO- http://$HOST:8600/"
for _ in 1 2 3 4; do
    show "$REMOTE busybox wget -qO- http://$HOST:8600/"
done | tee said
[ "$(grep -cx one said) $(grep -cx two said)" = '2 2' ] || fail 'the balancer does not balance'
show 'xdocker -s containers'
for name in balancer one two; do
    show "xdocker -a destroy -c $name -h"
done
