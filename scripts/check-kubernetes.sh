#!/usr/bin/env bash
# Renders the overlays and all components of deploy/kubernetes, and checks what comes out: against the schemas of the oldest
# Kubernetes that will do and of the newest that is known, against the types of the custom resources, with checkov, and with
# tests/deploy/kubernetes.test.mjs.
#
#   scripts/check-kubernetes.sh
#
# Exit: 0 all is well, 1 something isn't, 2 it could not run. No cluster is asked. Needs kubectl 1.27 or later, Python 3.9 or
# later with venv, and Node 20.11 or later with npm; it keeps what it installs in ${CARGO_TARGET_DIR:-target}/kubernetes.
#
# Not a part of scripts/test.sh: the kubectl of Debian 12 is too old, and neither PyPI nor npm was found to have one.
set -euo pipefail

readonly OLDEST=1.30 # preStop.sleep needs no feature gate from here on
readonly PYTHON_PACKAGES=(kubernetes-validate==1.37.0 checkov==3.3.30)
readonly NODE_PACKAGES=(
  @kubernetes-models/prometheus-operator@6.0.0
  @kubernetes-models/gateway-api@2.0.0
  typescript@5.9.3
  yaml@2.9.1
)
# What Kubernetes has no schema of.
readonly CUSTOM=' api version (gateway.networking.k8s.io|monitoring.coreos.com)/v1 '

unset CDPATH # else cd may go elsewhere, and print where
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "${CARGO_TARGET_DIR:-target}/kubernetes"
home=$(cd "${CARGO_TARGET_DIR:-target}/kubernetes" && pwd)
rendered="$home/rendered"
readonly home rendered

main() {
  check_tools
  install_packages
  render
  local newest version
  newest=$("$home/venv/bin/python" -c 'import kubernetes_validate; print(kubernetes_validate.latest_version())')
  for version in "$OLDEST" "${newest%.*}"; do
    step "schemas of Kubernetes $version"
    validate "$version"
  done
  step "types of the custom resources"
  node scripts/lib/custom-resources.mjs "$home/node" "$rendered"/*.yaml
  step "checkov"
  "$home/venv/bin/checkov" --config-file scripts/lib/checkov.yaml --directory "$rendered"
  step "tests, and whether they read what was rendered"
  RENDERED="$rendered" node --test tests/deploy/kubernetes.test.mjs
  step "all is well"
}

check_tools() {
  local install="install 1.27 or later: https://kubernetes.io/docs/tasks/tools/ (Debian 12's kubernetes-client is too old)"
  command -v kubectl >/dev/null || fail "kubectl is missing; $install"
  kubectl version --client 2>/dev/null | grep -q 'Kustomize Version: v5' || fail "this kubectl has no kustomize 5; $install"
  command -v python3 >/dev/null || fail "python3 is missing; install it with its module venv"
  command -v npm >/dev/null || fail "npm is missing; install Node 20.11 or later: https://nodejs.org"
  node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 11) ? 0 : 1)' ||
    fail "this is Node $(node --version); install 20.11 or later"
  [ -d client/node_modules ] || npm ci --prefix client --no-audit --no-fund --silent
}

# Once. The stamp is written last, so an interrupted install starts again.
install_packages() {
  local wanted="${PYTHON_PACKAGES[*]} ${NODE_PACKAGES[*]}" stamp="$home/installed"
  [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
  step "installing $wanted"
  rm -rf "$home/venv" "$home/node" "$stamp"
  python3 -m venv "$home/venv" || fail "python3 can't make an environment; install its module venv"
  "$home/venv/bin/pip" install --quiet "${PYTHON_PACKAGES[@]}" || fail "PyPI's packages can't be installed"
  mkdir "$home/node"
  echo '{"private": true}' >"$home/node/package.json"
  npm install --prefix "$home/node" --no-audit --no-fund --silent "${NODE_PACKAGES[@]}" ||
    fail "npm's packages can't be installed"
  echo "$wanted" >"$stamp"
}

# Each overlay, and the components that none of them has.
render() {
  step "kustomize"
  local overlay
  rm -rf "$rendered" && mkdir "$rendered"
  for overlay in deploy/kubernetes/overlays/*/; do
    kubectl kustomize "$overlay" >"$rendered/$(basename "$overlay").yaml"
  done
  local source
  source=$(realpath --relative-to="$home" deploy/kubernetes)
  cat >"$home/kustomization.yaml" <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: switchboard
resources: [$source/base]
components: [$source/components/network-policy, $source/components/ingress-nginx, $source/components/outbound]
images: [{name: switchboard, newTag: "1"}]
END
  kubectl kustomize "$home" >"$rendered/other-components.yaml"
  wc -l "$rendered"/*.yaml
}

# validate VERSION: every object against its schema. An unknown kind is only a warning, but so is a misspelt one.
validate() {
  local said unknown
  said=$("$home/venv/bin/kubernetes-validate" --strict -k "$1" "$rendered"/*.yaml 2>&1) || wrong "$said"
  unknown=$(grep "Couldn't find schema" <<<"$said" | grep -Ev "$CUSTOM" || true)
  [ -z "$unknown" ] || wrong "$unknown"
  printf '%s objects are right; custom resources: %s\n' "$(grep -c ' passed ' <<<"$said")" "$(grep -Ec "$CUSTOM" <<<"$said")"
}

step() { printf '\n== %s\n' "$*"; }

wrong() {
  printf '%s\n' "$*" >&2
  exit 1
}

fail() {
  printf 'scripts/check-kubernetes.sh: %s\n' "$*" >&2
  exit 2
}

main
