#!/bin/bash
# PID 1 of one machine of the test cluster: a set of namespaces (network, mount, PID, UTS, IPC, cgroup) that
# ../machines.ts made. Runs the control plane (MACHINE=cp) or one worker node, in the foreground. Killing it ends every
# process in it, and with them their mounts.
set -euo pipefail
: "${MACHINE:?}" "${PROGRAMS:?}" "${STATE:?}" "${CONF:?}" "${CP_IP:?}" "${POD_NETS:?}" "${SERVICE_NETS:?}" "${DNS_IP:?}"
export PATH=$PROGRAMS/bin:/usr/sbin:/sbin:$PATH
export NO_PROXY='*' no_proxy='*' # whatever proxy the host has is not for the cluster
pki=$STATE/pki
log=$STATE/log/$MACHINE
mkdir -p "$log" "$STATE/programs/$MACHINE"

hostname "$MACHINE"
mount --make-rshared / # in this mount namespace only: the kubelet's volumes propagate to containers
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
echo 1 >/proc/sys/net/ipv4/ip_forward
case $POD_NETS in *:*) echo 1 >/proc/sys/net/ipv6/conf/all/forwarding ;; esac

# start NAME COMMAND...: keeps it running for as long as this machine lives, its process id in a file. A test stops a
# program by a file NAME.stopped and a signal, and starts it again by removing the file.
start() {
  local name=$1 state=$STATE/programs/$MACHINE/$1
  shift
  while :; do
    while [ -e "$state.stopped" ]; do sleep 0.1; done
    "$@" &
    echo $! >"$state.pid"
    wait $! || true
    rm -f "$state.pid"
    echo "== $name ended"
    [ -e "$state.stopped" ] || sleep 1
  done >>"$log/$name" 2>&1 &
}

control_plane() {
  start etcd etcd --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level warn
  local options=(
    --etcd-servers=http://127.0.0.1:2379
    --advertise-address="$CP_IP" --secure-port=6443
    --service-cluster-ip-range="$SERVICE_NETS"
    --allow-privileged
    --authorization-mode=Node,RBAC
    --enable-admission-plugins=NodeRestriction,MutatingAdmissionWebhook,ValidatingAdmissionWebhook
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key"
    --client-ca-file="$pki/ca.crt"
    --kubelet-certificate-authority="$pki/ca.crt"
    --kubelet-client-certificate="$pki/apiserver-kubelet.crt" --kubelet-client-key="$pki/apiserver-kubelet.key"
    --kubelet-preferred-address-types=InternalIP
    --service-account-issuer=https://kubernetes.default.svc.cluster.local
    --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key"
    --requestheader-client-ca-file="$pki/front-proxy-ca.crt"
    --requestheader-allowed-names=front-proxy-client
    --requestheader-username-headers=X-Remote-User
    --requestheader-group-headers=X-Remote-Group
    --requestheader-extra-headers-prefix=X-Remote-Extra-
    --proxy-client-cert-file="$pki/front-proxy-client.crt" --proxy-client-key-file="$pki/front-proxy-client.key"
    --enable-aggregator-routing # webhooks and APIServices by endpoint: there is no kube-proxy on this machine
  )
  start kube-apiserver kube-apiserver "${options[@]}"
  # The host's way in: no link leads here, a socket file does.
  start socat socat UNIX-LISTEN:"$STATE/api.sock",fork,unlink-early TCP:127.0.0.1:6443
  until curl -sf -o /dev/null --cacert "$pki/ca.crt" https://127.0.0.1:6443/readyz; do sleep 0.2; done
  start kube-controller-manager kube-controller-manager \
    --kubeconfig="$pki/controller-manager.conf" --leader-elect=false --bind-address=127.0.0.1 \
    --root-ca-file="$pki/ca.crt" --service-account-private-key-file="$pki/sa.key" --use-service-account-credentials \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key"
  start kube-scheduler kube-scheduler \
    --kubeconfig="$pki/scheduler.conf" --leader-elect=false --bind-address=127.0.0.1
}

worker() {
  : "${NODE_IPS:?}" "${POD_RANGES:?}" "${POD_ROUTES:?}"
  local dir controller setting
  # Every daemon keeps its usual paths; they are private to this machine.
  for dir in /var/lib/kubelet /var/lib/containerd /var/log/pods /var/log/containers; do
    mkdir -p "$dir" "$STATE/$MACHINE$dir"
    mount --bind "$STATE/$MACHINE$dir" "$dir"
  done
  # The kubelet sets these for the whole host unless they read as it wants them: let them.
  for setting in vm/overcommit_memory=1 kernel/panic=10 kernel/panic_on_oops=1; do
    echo "${setting#*=}" >"/run/${setting##*/}"
    mount --bind "/run/${setting##*/}" "/proc/sys/${setting%=*}"
  done
  # cgroup v1: the hierarchies as seen from the cgroup that this machine was started in.
  mount -t tmpfs tmpfs /sys/fs/cgroup
  while IFS=: read -r _ controller _; do
    [ -n "$controller" ] || continue # the cgroup v2 line
    dir=/sys/fs/cgroup/${controller#name=}
    mkdir -p "$dir"
    mount -t cgroup -o "$([ "$controller" = "${controller#name=}" ] || echo none,)$controller" cgroup "$dir"
    mkdir -p "$dir/tulle-$MACHINE"
  done </proc/self/cgroup

  mkdir -p /run/cni
  : >/run/resolv.conf # nothing of the host's resolver reaches a pod
  local place="s#@STATE@#$STATE#; s#@MACHINE@#$MACHINE#; s#@DNS_IP@#$DNS_IP#; s#@POD_NETS@#$POD_NETS#"
  place+="; s#@POD_RANGES@#$POD_RANGES#; s#@POD_ROUTES@#$POD_ROUTES#"
  sed "$place" "$CONF/cni.conflist" >/run/cni/pods.conflist
  sed "$place" "$CONF/kubelet.yaml" >/run/kubelet.yaml
  sed "$place" "$CONF/kube-proxy.yaml" >/run/kube-proxy.yaml

  start containerd containerd --config "$CONF/containerd.toml"
  until ctr version >/dev/null 2>&1; do sleep 0.1; done
  for image in "$PROGRAMS"/images/*.tar; do ctr -n k8s.io images import "$image"; done
  start kubelet kubelet --config=/run/kubelet.yaml --kubeconfig="$pki/$MACHINE.conf" \
    --hostname-override="$MACHINE" --node-ip="$NODE_IPS"
  start kube-proxy kube-proxy --config=/run/kube-proxy.yaml
}

if [ "$MACHINE" = cp ]; then control_plane; else worker; fi
wait
