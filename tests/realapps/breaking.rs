//! A second version that passes the preflight and then breaks.

use crate::adoption::{is_again, settled};
use crate::draw::Draw;
use crate::harness::Run;
use crate::installed::Rendered;
use crate::life::seconds;
use crate::scene::{Scene, expect};
use crate::table::Row;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::Stdio;

const ENDINGS: [&str; 3] = ["crashes", "never ready", "quota"];

/// Promotes it, and expects everything to be as before.
pub fn run(scene: &Scene, draw: &mut Draw, row: &mut Row) {
    let workloads: Vec<usize> = (0..scene.rendered.objects.len())
        .filter(|at| has_pods(&scene.rendered.objects[*at]))
        .collect();
    let Some(last_third) = workloads
        .get(workloads.len() * 2 / 3..)
        .filter(|third| !third.is_empty())
    else {
        return row.passed("breaks", "no workload");
    };
    let (victim, ending) = (*draw.one(last_third), *draw.one(&ENDINGS));
    let object = &scene.rendered.objects[victim];
    let what = format!(
        "{} {}: {ending}",
        text(&object["kind"]),
        text(&object["metadata"]["name"])
    );
    let came = rolled_back(scene, victim, ending);
    row.passed("breaks", what.clone());
    row.result("rollback", came.map_err(|why| format!("{what}: {why}")));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn has_pods(object: &Value) -> bool {
    let is_workload = ["Deployment", "StatefulSet", "DaemonSet"].contains(&text(&object["kind"]));
    is_workload && object["spec"]["replicas"] != 0
}

fn rolled_back(scene: &Scene, victim: usize, ending: &str) -> Result<String, String> {
    let release = second(scene, victim, ending)?;
    let namespace = text(&scene.rendered.objects[victim]["metadata"]["namespace"]);
    let namespace = if namespace.is_empty() {
        scene.app.namespace
    } else {
        namespace
    };
    if ending == "quota" {
        quota(scene, namespace, "100Gi")?;
    }
    let before = settled(scene)?;
    let ran = if ending == "quota" {
        promoted_under_a_quota(scene, &release, namespace)?
    } else {
        scene.promote(&release, &[])
    };
    let ran = expect(ran, 3)?;
    is_again(scene, &before)?;
    let extra = scene
        .kubectl()
        .args(["get", "configmap", "realapps-new", "--ignore-not-found"])
        .run()
        .ok();
    if ending == "quota" {
        scene
            .kubectl()
            .args(["delete", "resourcequota", "realapps", "-n", namespace])
            .run();
    }
    if extra.is_empty() {
        Ok(seconds(ran.took))
    } else {
        Err("the ConfigMap that was new is left".into())
    }
}

/// Other images, a label on everything, one more ConfigMap; and one workload that breaks.
fn second(scene: &Scene, victim: usize, ending: &str) -> Result<PathBuf, String> {
    let mut objects = scene.rendered.objects.clone();
    for (at, object) in objects.iter_mut().enumerate() {
        if object["kind"] != "CustomResourceDefinition" {
            object["metadata"]["annotations"]["realapps.example.com/version"] = json!("2");
        }
        retag(object);
        if at != victim {
            continue;
        }
        let template = &mut object["spec"]["template"];
        match ending {
            "crashes" => template["metadata"]["labels"]["kwok-play"] = json!("crash-loop"),
            "never ready" => template["metadata"]["labels"]["kwok-play"] = json!("never-ready"),
            _ => {
                template["spec"]["containers"][0]["resources"]["requests"]["ephemeral-storage"] = json!("1Gi")
            }
        }
        if object["kind"] == "Deployment" {
            object["spec"]["progressDeadlineSeconds"] = json!(15);
            object["spec"]["minReadySeconds"] = json!(0);
        }
    }
    let metadata = json!({"name": "realapps-new", "namespace": scene.app.namespace});
    objects.push(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"version": "2"}}),
    );
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let manifests = scene.rendered.file("2.json");
    std::fs::write(&manifests, serde_json::to_string_pretty(&list).unwrap())
        .map_err(|error| error.to_string())?;
    Rendered::record(scene.rendered, scene.cluster, scene.app, &manifests, "2")?;
    Ok(scene.rendered.file("2.release.json"))
}

/// Every image of the pods gets another tag.
fn retag(object: &mut Value) {
    let Some(spec) = object.pointer_mut("/spec/template/spec") else {
        return;
    };
    for list in ["initContainers", "containers"] {
        for container in spec
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let next = format!("{}-next", text(&container["image"]));
            container["image"] = json!(next);
        }
    }
}

/// Room for what nobody asks for in the first version.
fn quota(scene: &Scene, namespace: &str, room: &str) -> Result<(), String> {
    let hard = json!({"requests.ephemeral-storage": room});
    let metadata = json!({"name": "realapps", "namespace": namespace});
    let quota =
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}});
    expect(
        scene
            .kubectl()
            .args(["apply", "--server-side", "-f", "-"])
            .run_with(&quota.to_string()),
        0,
    )?;
    // Admission reads the status, which its controller writes when it gets there.
    let status = json!({"status": {"hard": hard, "used": {"requests.ephemeral-storage": "0"}}}).to_string();
    let patch = [
        "patch",
        "resourcequota",
        "realapps",
        "--subresource=status",
        "--type=merge",
        "-p",
        &status,
    ];
    expect(
        scene.cluster.kubectl().args(["-n", namespace]).args(patch).run(),
        0,
    )
    .map(drop)
}

/// The quota shrinks once the preflight is behind: until then another holds the release's lock.
fn promoted_under_a_quota(
    scene: &Scene,
    release: &std::path::Path,
    namespace: &str,
) -> Result<crate::harness::Ran, String> {
    let start = std::time::Instant::now();
    let lock = format!("delivery-{}", scene.app.name);
    let now = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S.%6fZ")
        .to_string();
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": lock, "namespace": scene.app.namespace},
        "spec": {"holderIdentity": "realapps", "leaseDurationSeconds": 300, "acquireTime": now, "renewTime": now}});
    expect(
        scene
            .kubectl()
            .args(["create", "-f", "-"])
            .run_with(&lease.to_string()),
        0,
    )?;
    let flags = [
        "promote",
        "-y",
        "--settle",
        "0s",
        "--timeout",
        "2m",
        "--lock-timeout",
        "2m",
        "-o",
        "json",
    ];
    let mut command = scene.delivery(&flags);
    command.arg(release).arg("-e").arg(scene.rendered.environment());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stderr = child.stderr.take().ok_or("no stderr")?;
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).ok();
        text
    });
    let mut stdout = String::new();
    let mut is_small = false;
    for line in BufReader::new(child.stdout.take().ok_or("no stdout")?)
        .lines()
        .map_while(Result::ok)
    {
        if !is_small && line.contains("\"planned\"") {
            quota(scene, namespace, "1Mi")?;
            is_small = true;
            // Admission reads quotas from its own memory.
            std::thread::sleep(std::time::Duration::from_secs(2));
            scene.kubectl().args(["delete", "lease", &lock]).run();
        }
        stdout.push_str(&line);
        stdout.push('\n');
    }
    let code = child.wait().map_err(|error| error.to_string())?.code();
    let stderr = errors.join().unwrap_or_default();
    let ran = crate::harness::Ran {
        command: "promote under a quota".into(),
        code,
        stdout,
        stderr,
        took: start.elapsed(),
    };
    Ok(scene.logged(ran))
}
