#!/bin/sh
# redis-cluster.sh ADDRESS...: makes one Redis Cluster of these, with a replica for each master, unless they are one already;
# and waits until each of them says that it is well.
set -eu

is_well() {
    redis-cli -h "$1" cluster info | grep -q '^cluster_state:ok'
}

# One that was made before says for some seconds after its start that all isn't well.
is_alone() {
    redis-cli -h "$1" cluster info | grep -q '^cluster_known_nodes:1[^0-9]*$'
}

if is_alone "$1"; then
    nodes=
    for address in "$@"; do
        nodes="$nodes $address:6379"
    done
    # shellcheck disable=SC2086 # one word each
    redis-cli --cluster create $nodes --cluster-replicas 1 --cluster-yes
fi
for address in "$@"; do
    until is_well "$address"; do sleep 0.2; done
done
echo "the cluster is well"
