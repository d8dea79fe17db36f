#!/bin/sh
# An image with an ssh server, and a container of it that is reached from another host (3.3.2 of the guide).
set -eu
. "$(dirname "$0")/lib.sh"

has_image calvin=sshd || build sshd openssh-server '/etc/ssh/ssh_host_*'

on_own_host
scratch
gone sshd
ssh-keygen -q -t ed25519 -N '' -f key
show 'xdocker -a create -m calvin=debian,calvin=apt,calvin=sshd --host sshd --net BRIDGE --vip 166.88.0.2 --port-mapping 2222:22 -c sshd'
show 'xdocker -a boot -c sshd'
# Keys of its own, and a user of its own who may come in: neither is in the image.
show "xdocker -a run -c sshd --cmd 'mkdir -p -m 700 /root/.ssh /run/sshd && ssh-keygen -A >/dev/null'"
show "xdocker -a putfile -c sshd --src-file key.pub --dst-file /root/.ssh/authorized_keys"
show "xdocker -a run -c sshd --cmd 'chown root:root /root/.ssh/authorized_keys; /usr/sbin/sshd'"
xdocker -a run -c sshd --cmd 'cat /etc/ssh/ssh_host_ed25519_key.pub' | sed "s/^/[$HOST]:2222 /" >known_hosts
connect="$REMOTE ssh -F none -p 2222 -i key -o UserKnownHostsFile=known_hosts -o StrictHostKeyChecking=yes -o BatchMode=yes root@$HOST"
until_it '^SSH-2.0' "$REMOTE sh -c 'sleep 0.2 | busybox nc $HOST 2222 | head -n 1'"
show "$connect hostname" | tee said
grep -qx sshd said || fail 'nobody answers'
# A password opens nothing.
! $REMOTE ssh -F none -p 2222 -o UserKnownHostsFile=known_hosts -o BatchMode=yes "root@$HOST" true 2>/dev/null || fail 'it is open'
show 'xdocker -a destroy -c sshd -h'
