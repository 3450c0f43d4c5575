//! One rich object of each kind, to be changed leaf by leaf.

use serde_json::{Value, json};

/// One rich object of each kind; `NAME` stands for its name.
pub fn kinds() -> Vec<Value> {
    let pod = json!({"metadata": {"labels": {"app": "NAME"}}, "spec": {
        "containers": [{"name": "web", "image": "registry.example/web:1", "args": ["-a"], "env": [{"name": "A", "value": "a"}],
            "ports": [{"name": "http", "containerPort": 8080}], "resources": {"requests": {"cpu": "10m"}},
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}], "readinessProbe": {"httpGet": {"path": "/", "port": 8080}}}],
        "tolerations": [{"key": "a", "operator": "Exists"}], "volumes": [{"name": "tmp", "emptyDir": {}}]}});
    let job = {
        let mut job = pod.clone();
        job["spec"]["restartPolicy"] = "Never".into();
        job
    };
    let meta = json!({"name": "NAME", "labels": {"team": "shop"}, "annotations": {"note": "first"}});
    let of = |api: &str, kind: &str, rest: Value| {
        let mut object = json!({"apiVersion": api, "kind": kind, "metadata": meta});
        object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        object
    };
    let apps = |rest: Value| {
        let mut spec = json!({"selector": {"matchLabels": {"app": "NAME"}}, "template": pod});
        spec.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        json!({"spec": spec})
    };
    vec![
        of("apps/v1", "Deployment", apps(json!({"replicas": 0}))),
        of("apps/v1", "StatefulSet", apps(json!({"replicas": 0, "serviceName": "NAME"}))),
        of("apps/v1", "DaemonSet", {
            let mut set = apps(json!({}));
            set["spec"]["template"]["spec"]["nodeSelector"] = json!({"none": "such"});
            set
        }),
        of("batch/v1", "Job", json!({"spec": {"suspend": true, "template": job}})),
        of(
            "batch/v1",
            "CronJob",
            json!({"spec": {"schedule": "0 3 * * *", "suspend": true, "jobTemplate": {"spec": {"template": job}}}}),
        ),
        of(
            "v1",
            "Service",
            json!({"spec": {"clusterIP": "None", "selector": {"app": "NAME"}, "ports": [{"name": "http", "port": 80}]}}),
        ),
        of("v1", "ConfigMap", json!({"data": {"A": "a", "B": "b"}})),
        of("v1", "ServiceAccount", json!({"automountServiceAccountToken": false})),
        of(
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {"storageClassName": "none", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
        ),
        of(
            "networking.k8s.io/v1",
            "Ingress",
            json!({"spec": {"rules": [{"host": "a.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}),
        ),
        of(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {"podSelector": {"matchLabels": {"app": "NAME"}}, "ingress": [{"ports": [{"port": 80}]}]}}),
        ),
        of(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            json!({"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}, "minReplicas": 1, "maxReplicas": 3}}),
        ),
        of(
            "policy/v1",
            "PodDisruptionBudget",
            json!({"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "NAME"}}}}),
        ),
        of(
            "rbac.authorization.k8s.io/v1",
            "Role",
            json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        ),
        of(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}, "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "default"}]}),
        ),
    ]
}
