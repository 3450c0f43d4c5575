//! Whole promotions on a real kubelet by the built program: a good one, and six that must end exactly as it began,
//! with the cause by its name. Prints how long each took, beside helm.

use super::measured::{SignWatch, upgrade_by_helm};
use crate::execute::snapshot::{Copy, copy_shared};
use crate::harness::{Namespace, Run, TestCluster, blocking};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// An application of one Deployment and what it reads, on the real node.
struct Shop {
    namespace: Namespace,
    folder: tempfile::TempDir,
}

/// What a promotion told, with the seconds since its start.
struct Told {
    code: Option<i32>,
    events: Vec<(f64, Value)>,
    stderr: String,
}

/// A promotion that must fail.
struct Case<'a> {
    what: &'static str,
    next: &'a [Value],
    flags: &'a [&'a str],
    /// The kind of its cause, and words of its message.
    kind: &'a str,
    words: &'a str,
}

/// One line of the table.
struct Row {
    what: &'static str,
    /// None where nothing looks wrong but that it does not become ready.
    sign: Option<f64>,
    verdict: f64,
    reverted: f64,
}

pub(super) fn registry() -> &'static str {
    &TestCluster::get().registry
}

fn crane(arguments: &[&str]) -> String {
    let mut crane = Command::new(TestCluster::get().tools.join("crane"));
    crane
        .arg("--insecure")
        .args(arguments)
        .run()
        .ok()
        .trim()
        .to_owned()
}

/// An image that no node has pulled yet, and its digest's name.
fn fresh_image(name: &str) -> (String, String) {
    let mark = format!("{name}-{}", std::process::id());
    let to = format!("{}/vanishing/{mark}:1", registry());
    let from = format!("{}/shop/web:1.1.0", registry());
    crane(&["mutate", &from, "--tag", &to, "--label", &format!("mark={mark}")]);
    let digest = crane(&["digest", &to]);
    let by_digest = format!("{}/vanishing/{mark}@{digest}", registry());
    (to, by_digest)
}

/// Takes it out of the registry, tag and digest.
fn vanish((tag, by_digest): &(String, String)) {
    crane(&["delete", by_digest]);
    crane(&["delete", tag]);
}

pub(super) fn objects(image: &str, change: impl FnOnce(&mut Value)) -> Vec<Value> {
    let mut pod = json!({
        "nodeSelector": {"kubectl-delivery.io/node": "real"},
        "tolerations": [{"key": "kubectl-delivery.io/node", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "web", "image": image,
            "env": [{"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "greeting"}}}],
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}}]});
    change(&mut pod);
    vec![
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"greeting": image}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 8080}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod}}}),
    ]
}

/// Records objects as a version of the shop, in a folder.
pub(super) fn record(folder: &Path, version: &str, objects: &[Value]) -> PathBuf {
    let manifests = folder.join(format!("{version}.json"));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    std::fs::write(&manifests, list.to_string()).unwrap();

    let file = folder.join(format!("{version}.yaml"));
    let mut record = TestCluster::get().delivery();
    record.args(["record", "--quiet", "--name", "shop", "--version", version]);
    record.arg("-f").arg(&manifests).arg("-o").arg(&file).run().ok();
    file
}

impl Shop {
    fn new() -> Self {
        let namespace = TestCluster::get().namespace_named("t-whole");
        Self {
            namespace,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Promotes; `at` is called with each event as it comes.
    fn promote(&self, release: &PathBuf, flags: &[&str], mut at: impl FnMut(&Value)) -> Told {
        let mut command = TestCluster::get().delivery();
        command
            .arg("promote")
            .arg(release)
            .args(["-n", self.namespace.name(), "-y", "-o", "json"]);
        let start = Instant::now();
        let mut child = command
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || std::io::read_to_string(&mut errors).unwrap());
        let mut events = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            at(&event);
            events.push((start.elapsed().as_secs_f64(), event));
        }
        Told {
            code: child.wait().unwrap().code(),
            events,
            stderr: errors.join().unwrap(),
        }
    }

    fn copy(&self, objects: &[Value]) -> Copy {
        blocking(copy_shared(self.namespace.name(), objects))
    }

    /// Promotes what must fail, and holds what is there then to what was there before.
    fn fails(&self, before: &[Value], case: &Case<'_>, mut at: impl FnMut(&Value)) -> Row {
        let Case {
            what,
            next,
            flags,
            kind,
            words,
        } = *case;
        let expected = self.copy(before);
        let release = record(self.folder.path(), &what.replace(' ', "-"), next);
        // What stands in for a registry's housekeeping between the recording and the promotion.
        at(&json!({"event": "recorded"}));
        let watch = SignWatch::start(&self.namespace);
        let start = Instant::now();
        let ran = self.promote(&release, flags, at);
        let sign = watch
            .end()
            .map(|sign| sign.saturating_duration_since(start).as_secs_f64());
        assert_eq!(ran.code, Some(3), "{what}: {:#?}\n{}", ran.events, ran.stderr);
        let failed = &ran.first("failed").1;
        assert_eq!(failed["cause"]["kind"], kind, "{what}: {failed:#}");
        let message = failed["cause"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{what}: {message}");
        self.copy(before).must_be(&expected, what);
        let ready = self.namespace.get("apps", "Deployment", "web").unwrap();
        assert_eq!(ready.at("/status/readyReplicas"), Some(&json!(1)), "{what}");
        let (verdict, reverted) = (ran.first("failed").0, ran.first("finished").0);
        // What a pod looks like on its way out says nothing.
        let sign = sign.filter(|sign| *sign <= verdict);
        Row {
            what,
            sign,
            verdict,
            reverted,
        }
    }
}

impl Told {
    fn first(&self, name: &str) -> &(f64, Value) {
        let found = self.events.iter().find(|(_, event)| event["event"] == name);
        found.unwrap_or_else(|| panic!("no {name}: {:#?}\n{}", self.events, self.stderr))
    }
}

#[test]
fn each_promotion_that_fails_ends_exactly_as_before_with_its_cause_by_its_name() {
    let shop = Shop::new();
    let web = |tag: &str| format!("{}/shop/web:{tag}", registry());
    shop.namespace.apply(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
        "stringData": {"user": "a-user-of-the-database"}}),
    );
    let good = objects(&web("1.0.0"), |_| {});
    let ran = shop.promote(&record(shop.folder.path(), "1", &good), &[], |_| {});
    assert_eq!(ran.code, Some(0), "{:#?}\n{}", ran.events, ran.stderr);
    let promoted = ran.first("finished").0;

    let mut rows = Vec::new();
    let image = fresh_image("after");
    let mut gone = false;
    let vanishing = Case {
        what: "image vanished after the preflight",
        next: &objects(&image.0, |_| {}),
        flags: &[],
        kind: "imageUnavailable",
        words: "where it existed before the promotion",
    };
    rows.push(shop.fails(&good, &vanishing, |event| {
        if event["event"] == "planned" && !std::mem::replace(&mut gone, true) {
            vanish(&image);
        }
    }));
    let image = fresh_image("before");
    let absent = Case {
        what: "image not there and waived",
        next: &objects(&image.0, |_| {}),
        flags: &["--waive", &format!("images={}", image.1)],
        kind: "imageNotFound",
        words: "not found in its registry",
    };
    rows.push(shop.fails(&good, &absent, |event| {
        if event["event"] == "recorded" {
            vanish(&image);
        }
    }));
    // Without the waiver nothing is touched.
    let expected = shop.copy(&good);
    let release = shop.folder.path().join("image-not-there-and-waived.yaml");
    let refused = shop.promote(&release, &["--waive", "quarantine"], |_| {});
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("[images]")
            && refused.stderr.contains(&format!("--waive images={}", image.1)),
        "{}",
        refused.stderr
    );
    shop.copy(&good).must_be(&expected, "refused");
    rows.extend(fail_in_the_pod(&shop, &good));
    print(promoted, &rows);
}

#[test]
fn the_last_words_of_a_container_are_told_without_values_of_secrets_and_not_at_all_with_no_logs() {
    let shop = Shop::new();
    let secret = "a-password-of-the-database";
    shop.namespace.apply(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
        "stringData": {"password": secret}}),
    );
    let object = objects(&format!("{}/test/sleep:1.0.0", registry()), |pod| {
        let from = json!({"secretKeyRef": {"name": "db", "key": "password"}});
        let container = &mut pod["containers"][0];
        container["env"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": "PASSWORD", "valueFrom": from}));
        let script = r#"printf 'refused for %s\033[2J\n' "$PASSWORD"; exit 3"#;
        container["command"] = json!(["/bin/sh", "-c", script]);
    });
    let release = record(shop.folder.path(), "1", &object);
    let ran = shop.promote(&release, &[], |_| {});
    assert_eq!(ran.code, Some(3), "{:#?}\n{}", ran.events, ran.stderr);
    let failed = &ran.first("failed").1;
    assert_eq!(
        failed["logs"],
        json!(["refused for <Secret db/password>\u{1b}[2J"]),
        "{failed:#}"
    );
    let silent = shop.promote(&release, &["--no-logs", "--waive", "quarantine"], |_| {});
    assert_eq!(silent.code, Some(3), "{:#?}\n{}", silent.events, silent.stderr);
    assert!(
        !silent
            .events
            .iter()
            .any(|(_, event)| event.to_string().contains("refused for"))
    );
    for (_, event) in ran.events.iter().chain(&silent.events) {
        assert!(!event.to_string().contains(secret), "{event:#}");
    }
    let history = ["history", "shop", "-o", "json", "-n", shop.namespace.name()];
    let history = TestCluster::get().delivery().args(history).run().exits(0).stdout;
    assert!(
        !history.contains(secret) && history.contains("exit code 3"),
        "{history}"
    );
}

/// Those whose image is there.
fn fail_in_the_pod(shop: &Shop, good: &[Value]) -> Vec<Row> {
    let web = format!("{}/shop/web:1.1.0", registry());
    let key = objects(&web, |pod| {
        let from = json!({"secretKeyRef": {"name": "db", "key": "password"}});
        let env = pod["containers"][0]["env"].as_array_mut().unwrap();
        env.push(json!({"name": "PASSWORD", "valueFrom": from}));
    });
    let mut unready = objects(&web, |pod| {
        pod["containers"][0]["readinessProbe"]["httpGet"]["path"] = "/never".into();
    });
    unready[2]["spec"]["progressDeadlineSeconds"] = json!(8);
    let later = objects(&format!("{}/test/crash-later:1.0.0", registry()), |pod| {
        let env = pod["containers"][0]["env"].as_array_mut().unwrap();
        env.push(json!({"name": "AFTER", "value": "10"}));
    });
    let crash = objects(&format!("{}/test/crash:1.0.0", registry()), |_| {});
    let case = |what, next, flags, kind, words| Case {
        what,
        next,
        flags,
        kind,
        words,
    };
    let cases = [
        case("crashes", &*crash, &[] as &[&str], "crashLoop", "exit code 3"),
        case(
            "a missing key",
            &key,
            &["--waive", "requirements=Secret/db"],
            "missingConfiguration",
            "password",
        ),
        case(
            "never ready",
            &unready,
            &[],
            "deadlineExceeded",
            "progressDeadlineSeconds: 8",
        ),
        case(
            "crashes 10 s later",
            &later,
            &["--soak", "30s"],
            "soak",
            "exited during the soak with exit code 4",
        ),
    ];
    cases.iter().map(|case| shop.fails(good, case, |_| {})).collect()
}

/// The table.
fn print(promoted: f64, rows: &[Row]) {
    println!("good: promoted after {promoted:.1} s");
    println!(
        "{:<36} {:>10} {:>8} {:>9}",
        "s from the start of the program", "first sign", "verdict", "reverted"
    );
    for row in rows {
        let sign = row
            .sign
            .map_or_else(|| "-".to_owned(), |sign| format!("{sign:.1}"));
        println!(
            "{:<36} {sign:>10} {:>8.1} {:>9.1}",
            row.what, row.verdict, row.reverted
        );
        let within = match row.what {
            "image not there and waived" => 3.0,
            "crashes" | "a missing key" => 5.0,
            _ => continue,
        };
        let sign = row
            .sign
            .unwrap_or_else(|| panic!("{}: no sign was seen", row.what));
        assert!(row.verdict - sign <= within, "{}: more than {within} s", row.what);
    }
    let other = TestCluster::get().namespace_named("t-whole");
    println!(
        "{:<36} {:>10} {:>8} {:>9.1}",
        "helm (image not there, --timeout 20s)",
        "",
        "",
        upgrade_by_helm(&other)
    );
}
