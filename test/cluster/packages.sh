#!/bin/bash
# Installs the Debian packages that the test cluster and the images need and that are missing. Needs root.
set -euo pipefail
packages=(
  containerd runc containernetworking-plugins # what runs pods
  iptables iproute2 conntrack                 # kube-proxy's; iptables goes into the proxy's image as well
  util-linux procps socat curl ca-certificates # machines are made with nsenter and unshare, and reached through socat
  gcc libc6-dev                               # the kubelet and the pause container
  busybox-static                              # the tools of test pods
  redis-server                                # a real server for the mesh to carry
  buildah                                     # a second builder, which must give the same images as our own
)
missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ "${#missing[@]}" != 0 ] || exit 0
echo "installing ${missing[*]}"
# Daemons are not started: each machine of the cluster runs its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
  trap 'rm -f $policy' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
