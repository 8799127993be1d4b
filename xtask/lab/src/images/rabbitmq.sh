#!/bin/sh
# Starts the server as its own user, once the mounted data folder belongs to that user.
set -eu
chown rabbitmq:rabbitmq /var/lib/rabbitmq
# Erlang's name server closes every number a file could have, one by one: a high limit costs minutes.
limit=$(ulimit -n)
if [ "$limit" = unlimited ] || [ "$limit" -gt 65536 ]; then
    ulimit -n 65536
fi
# The server then replaces this process and ends by itself at SIGTERM.
export RUNNING_UNDER_SYSTEMD=true
exec setpriv --reuid=rabbitmq --regid=rabbitmq --clear-groups /usr/lib/rabbitmq/bin/rabbitmq-server
