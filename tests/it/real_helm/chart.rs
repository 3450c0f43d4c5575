//! A chart of what charts have: values that a template draws at random or looks up in the cluster, hooks, custom resources
//! with their CRD, an object of the whole cluster, one that stays after an uninstall, a key that stands twice.

use std::fs;
use tempfile::TempDir;

const CHART: &str = "{apiVersion: v2, name: web, version: 1.2.3, appVersion: '7'}";

const VALUES: &str = "{replicas: 2, level: info, play: none, password: correct-horse-helm-value}";

const CONFIG: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  labels: {tier: first, tier: second}
data:
  LEVEL: {{ .Values.level }}
  SALT: {{ randAlphaNum 12 | quote }}
  SEEN: {{ lookup "v1" "ServiceAccount" .Release.Namespace "default" | toJson | sha256sum | quote }}
---
apiVersion: v1
kind: Secret
metadata: {name: db}
data: {password: {{ randAlphaNum 24 | b64enc }}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, annotations: {helm.sh/resource-policy: keep}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"#;

const WORKLOADS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, kwok-play: {{ .Values.play }}}}
    spec:
      serviceAccountName: web
      containers:
      - name: web
        image: registry.example/web:1
        resources: {requests: {cpu: 1000m, memory: 1024Mi}}
        ports: [{containerPort: 8080}]
        envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: db}}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  serviceName: store
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec: {containers: [{name: store, image: registry.example/store:1}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: clean}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template: {spec: {restartPolicy: Never, containers: [{name: clean, image: registry.example/clean:1}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  ttlSecondsAfterFinished: 0
  template: {spec: {restartPolicy: Never, containers: [{name: once, image: registry.example/once:1}]}}
"#;

const AROUND: &str = r#"
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web, namespace: {{ .Release.Namespace }}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: {{ .Release.Namespace }}, namespace: {{ .Release.Namespace }}}
rules: [{apiGroups: [""], resources: [nodes], verbs: [get]}]
---
apiVersion: {{ .Release.Namespace }}.example/v1
kind: Thing
metadata: {name: one}
spec: {size: 3, list: [a, b]}
"#;

const HOOKS: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: before, annotations: {helm.sh/hook: pre-install}}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: hook-succeeded}
spec:
  template: {spec: {restartPolicy: Never, containers: [{name: migrate, image: registry.example/migrate:1}]}}
"#;

/// Of a group of its own: CRDs are the whole cluster's.
fn definition(group: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: things.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{plural: things, singular: thing, kind: Thing}}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              size: {{type: integer}}
              list: {{type: array, items: {{type: string}}}}
"
    )
}

/// Writes the chart; its custom resources are of the group `NAMESPACE.example`.
pub fn write(namespace: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };

    file("Chart.yaml", CHART);
    file("values.yaml", VALUES);
    file("crds/things.yaml", &definition(&format!("{namespace}.example")));
    for (name, text) in [
        ("config", CONFIG),
        ("workloads", WORKLOADS),
        ("around", AROUND),
        ("hooks", HOOKS),
    ] {
        file(&format!("templates/{name}.yaml"), text);
    }
    file("templates/NOTES.txt", "the password is {{ .Values.password }}");
    folder
}
