# First process of a broker's pid, mount and UTS namespaces. It ends when the server ends (with AGAIN set, it starts it
# again) or when its standard input does, and the kernel then ends everything else in the pid namespace. Its mounts are seen
# by nobody else and vanish with it, data included.
set -eu
exec 3<&0

# The server looks its host's name up for each AMQP 1.0 connection. /etc/hosts has this one; any other would be asked of a
# name server, which answers after seconds when it is asked often.
hostname "$HOST"

mount --bind "$TREE" "$TREE"
cd "$TREE"
for dir in tmp run var/lib/rabbitmq var/log/rabbitmq etc/rabbitmq; do
    mount -t tmpfs -o mode=0755 shadow-broker "./$dir"
done
chmod 1777 ./tmp
chown "$OWNER" ./run ./var/lib/rabbitmq ./var/log/rabbitmq
mount --bind "$TREE" "$TREE" -o remount,bind,ro
mount --rbind /dev ./dev
mount -t proc proc ./proc
printf '%s\n' "$CONFIGURATION" >./etc/rabbitmq/rabbitmq.conf
printf '%s\n' "$PLUGINS" >./etc/rabbitmq/enabled_plugins
printf '%s\n' "$HOSTS" >./run/hosts
mount --bind ./run/hosts ./etc/hosts
if [ -n "${COOKIE:-}" ]; then
    # Nodes of one cluster share it. The server refuses one that others may read.
    (umask 077 && printf %s "$COOKIE" >./var/lib/rabbitmq/.erlang.cookie)
    chown "$OWNER" ./var/lib/rabbitmq/.erlang.cookie
fi

trap 'exit 0' TERM
(
    cat <&3 >/dev/null
    kill -TERM 1
) &
while :; do
    while [ -e ./run/away ]; do sleep 0.1; done
    # A group of its own, so that all of it can be killed.
    setsid chroot --userspec="$OWNER" "$TREE" /usr/lib/rabbitmq/bin/rabbitmq-server </dev/null 3<&- &
    echo $! >./run/server.group
    ended=0
    wait $! || ended=$?
    [ -n "${AGAIN:-}" ] || exit "$ended"
done
