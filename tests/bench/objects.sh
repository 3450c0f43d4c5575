#!/usr/bin/env bash
# objects.sh COUNT TEXT [REPLICAS]: COUNT objects as YAML, a quarter each of ConfigMaps, Services, ServiceAccounts and
# Deployments, without replicas unless told; headless Services, since a cluster has few addresses. Another TEXT makes every
# one of them differ. REPLICAS may be `none`: NetworkPolicies in the place of the Deployments, so that nothing rolls out.
set -euo pipefail
count=${1:?COUNT} text=${2:?TEXT} replicas=${3:-0} probe=
# Without one, a promotion would wait for each container to settle.
case $replicas in [1-9]*) probe=$'        readinessProbe: {httpGet: {path: /, port: http}}\n' ;; esac
for ((n = 0; n < count / 4; n++)); do
  cat <<EOF
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config-$n, annotations: {example.com/text: $text}}
data: {URL: "http://service-$n.example.com/$text", LEVEL: info}
---
apiVersion: v1
kind: Service
metadata: {name: service-$n, annotations: {example.com/text: $text}}
spec: {clusterIP: None, selector: {app: app-$n}, ports: [{name: http, port: 80, targetPort: http, protocol: TCP}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: account-$n, annotations: {example.com/text: $text}}
EOF
  if [ "$replicas" = none ]; then
    cat <<EOF
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: policy-$n, annotations: {example.com/text: $text}}
spec:
  podSelector: {matchLabels: {app: app-$n}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {app: app-$n}}}], ports: [{port: 80, protocol: TCP}]}]
EOF
    continue
  fi
  cat <<EOF
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app-$n, annotations: {example.com/text: $text}}
spec:
  replicas: $replicas
  selector: {matchLabels: {app: app-$n}}
  template:
    metadata: {labels: {app: app-$n}}
    spec:
      serviceAccountName: account-$n
      containers:
      - name: app
        image: registry.example.com/app@sha256:1111111111111111111111111111111111111111111111111111111111111111
        ports: [{name: http, containerPort: 8080, protocol: TCP}]
        env: [{name: TEXT, value: $text}]
$probe        resources: {requests: {cpu: 10m, memory: 16Mi}}
EOF
done
