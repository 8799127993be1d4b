# Runs a program of the tree with Prometheus in a mount namespace of its own: nothing of the tree is written, and what is mounted
# vanishes with the last process. The files in $WORK are at /srv/files there.
set -eu
mount --bind "$TREE" "$TREE"
cd "$TREE"
mount -t tmpfs -o mode=1777 shadow-prometheus ./srv
cp -r "$WORK" ./srv/files
chmod -R a+rX ./srv/files
mount --rbind /dev ./dev
if [ "$1" != serve ]; then
    exec chroot --userspec=65534:65534 "$TREE" "$@"
fi
shift
# The first process of its pid namespace: the server ends with it, and it ends with its standard input.
exec 3<&0
trap 'exit 0' TERM
(
    cat <&3 >/dev/null
    kill -TERM 1
) &
chroot --userspec=65534:65534 "$TREE" "$@" </dev/null 3<&- &
wait $!
