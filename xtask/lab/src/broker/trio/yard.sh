# First process of the pid, mount, network and UTS namespaces in which three nodes run, each in namespaces of its own: a
# bridge, and a cable from it to each node. It ends when its standard input does, and the kernel then takes all of it away.
set -eu
exec 3<&0

mount -t tmpfs -o mode=0755 shadow-yard /run
ip link set lo up
ip link add yard type bridge
ip address add "$NET.254/24" dev yard
ip link set yard up
number=0
for node in $NODES; do
    number=$((number + 1))
    ip netns add "$node"
    ip link add "$node" type veth peer name eth0 netns "$node"
    ip link set "$node" master yard up
    ip -n "$node" link set lo up
    ip -n "$node" address add "$NET.$number/24" dev eth0
    ip -n "$node" link set eth0 up
    HOST=$node RABBITMQ_NODENAME=rabbit@$node nsenter --net="/run/netns/$node" \
        unshare --fork --pid --kill-child --mount-proc --uts sh -c "$BOOT" <&3 3<&- &
    echo $! >"/run/$node.pid"
done
cat <&3 >/dev/null
