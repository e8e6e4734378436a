#!/bin/bash
# The application server: DNS (dnsmasq, for one name) and HTTP (busybox). When one of them ends, so does the container.
set -eu
trap 'kill $(jobs -p) 2>/dev/null; exit 0' TERM INT
dnsmasq --keep-in-foreground --log-facility=- --pid-file= --conf-file=/dev/null --user= --group= \
	--no-resolv --no-hosts --local=/office.example/ \
	--host-record=server.office.example,172.16.10.120,fd6f:6e65:7069:10::120 &
busybox httpd -f -p 80 -h /srv &
wait -n
exit 1
