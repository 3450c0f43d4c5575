//! Several promoted releases at once: `diff --all`, `-A` and `-l`, and what they cost.

use crate::harness::{KillProxy, Namespace, Ran, Run, TestCluster, unique};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Releases of ConfigMaps and ServiceAccounts in some namespaces, with a label of their own.
struct Fleet {
    label: String,
    namespaces: Vec<Namespace>,
    directory: tempfile::TempDir,
}

impl Fleet {
    fn new(namespaces: usize) -> Self {
        let namespace = |_| TestCluster::get().namespace_named("t-many");
        Self {
            label: format!("fleet={}", unique()),
            namespaces: (0..namespaces).map(namespace).collect(),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn home(&self) -> &Namespace {
        &self.namespaces[0]
    }

    /// Promotes a release of so many ConfigMaps and ServiceAccounts, and labels its inventory.
    fn promote(&self, namespace: &Namespace, name: &str, objects: usize) {
        self.promote_objects(namespace, name, &Self::objects(name, objects));
    }

    fn objects(name: &str, count: usize) -> Vec<Value> {
        let map = |at: usize| {
            json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("{name}-{at}")}, "data": {"level": "info"}})
        };
        let account = |at: usize| {
            json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": format!("{name}-{at}")}})
        };
        (0..count).flat_map(|at| [map(at), account(at)]).collect()
    }

    fn promote_objects(&self, namespace: &Namespace, name: &str, objects: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let manifests = self.directory.path().join(format!("{name}.manifests.json"));
        std::fs::write(&manifests, list.to_string()).unwrap();
        let file = self.directory.path().join(format!("{name}.release.json"));
        let cluster = TestCluster::get();
        let record = [
            "record",
            "--offline",
            "-q",
            "--name",
            name,
            "--version",
            "1",
            "-o",
        ];
        let mut command = cluster.delivery();
        command.args(record).arg(&file).arg("-f").arg(&manifests);
        command.run().ok();
        let mut command = cluster.delivery();
        command.arg("promote").arg(&file).args(["-y", "--settle", "0s"]);
        command.args(["-n", namespace.name()]).run().ok();

        let inventory = format!("configmap/delivery-{name}");
        let mut label = namespace.kubectl();
        label
            .args(["label", "--overwrite", &inventory, &self.label])
            .run()
            .ok();
    }

    fn edit(&self, namespace: &Namespace, map: &str) {
        let patch = r#"{"data":{"level":"debug"}}"#;
        let mut command = namespace.kubectl();
        command.args([
            "patch",
            "configmap",
            map,
            "--field-manager",
            "kubectl-edit",
            "-p",
            patch,
        ]);
        command.run().ok();
    }

    fn run(&self, words: &[&str]) -> Ran {
        let mut command = TestCluster::get().delivery();
        command.current_dir(self.directory.path());
        command.args(words).args(["-n", self.home().name()]);
        command.run()
    }
}

/// Each release's drift by its name.
fn drifts(view: &Value) -> BTreeMap<String, String> {
    let releases = view["releases"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    releases
        .map(|release| (text(&release["name"]), text(&release["drift"])))
        .collect()
}

fn named(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, drift)| ((*name).to_owned(), (*drift).to_owned()))
        .collect()
}

#[test]
fn all_releases_of_a_namespace_are_compared_and_one_that_drifted_decides() {
    let fleet = Fleet::new(1);
    for name in ["api", "shop", "web"] {
        fleet.promote(fleet.home(), name, 4);
    }
    let view = fleet.run(&["diff", "--all", "-o", "json"]).exits(0).json();
    assert_eq!(
        view["summary"],
        json!({"releases": 3, "inSync": 3, "drifted": 0, "unknown": 0, "notPromoted": 0})
    );

    fleet.edit(fleet.home(), "shop-2");
    let view = fleet.run(&["diff", "--all", "-o", "json"]).exits(1).json();
    assert_eq!(
        drifts(&view),
        named(&[("api", "inSync"), ("shop", "drifted"), ("web", "inSync")])
    );
    let shop = &view["releases"][1];
    assert_eq!(shop["changedBy"], json!(["kubectl-edit"]));
    assert!(shop["since"].is_string(), "{shop}");
    assert_eq!(shop["diff"]["objects"][0]["name"], "shop-2");
    let names = fleet.run(&["diff", "--all", "-o", "name"]).exits(1).stdout;
    assert_eq!(names, format!("configmap/shop-2 -n {}\n", fleet.home().name()));
}

#[test]
fn a_release_that_cannot_be_read_is_unknown_and_the_others_are_compared() {
    let fleet = Fleet::new(1);
    for name in ["api", "shop"] {
        fleet.promote(fleet.home(), name, 1);
    }
    fleet.edit(fleet.home(), "shop-0");
    let parts = "kubectl-delivery.io/role=record,kubectl-delivery.io/release=api";
    let mut command = fleet.home().kubectl();
    command.args(["delete", "configmaps", "-l", parts]).run().ok();

    let ran = fleet.run(&["diff", "--all", "-o", "json"]).exits(2);
    assert!(
        ran.stderr.contains("1 of 2 releases could not be read"),
        "{}",
        ran.stderr
    );
    let view = ran.json();
    assert_eq!(drifts(&view), named(&[("api", "unknown"), ("shop", "drifted")]));
    assert_eq!(view["releases"][0]["health"]["state"], "unknown");
    assert_eq!(view["summary"]["inSync"], 0);
}

#[test]
fn a_kind_is_listed_once_for_all_namespaces_and_secrets_never_are() {
    let fleet = Fleet::new(6);
    for namespace in &fleet.namespaces {
        fleet.promote(namespace, "shop", 8);
    }
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let mut command = TestCluster::get().delivery();
    command.env("KUBECONFIG", proxy.kubeconfig());
    command.args(["diff", "-A", "-l", &fleet.label, "-o", "json"]);
    let view = command.run().exits(0).json();
    assert_eq!(view["summary"]["inSync"], 6, "{}", view["summary"]);

    // A list is a GET of a path that ends with a plural; what follows the first page belongs to it.
    let plurals = ["configmaps", "serviceaccounts", "secrets", "namespaces", "pods"];
    let mut lists: BTreeMap<String, usize> = BTreeMap::new();
    let requests = proxy.requests();
    for request in requests.iter().filter(|request| request.method == "GET") {
        let plural = request.path.rsplit('/').next().unwrap_or_default();
        let is_further_page = request.query.contains("continue=");
        if plurals.contains(&plural) && !is_further_page {
            let selector = request.query.contains("inventory").then_some(" of releases");
            let list = format!("{}{}", request.path, selector.unwrap_or_default());
            *lists.entry(list).or_default() += 1;
        }
    }
    let expected = [
        ("/api/v1/configmaps", 1),
        ("/api/v1/configmaps of releases", 1),
        ("/api/v1/namespaces", 1),
        ("/api/v1/serviceaccounts", 1),
    ];
    assert_eq!(
        lists,
        expected.map(|(path, count)| (path.to_owned(), count)).into()
    );

    // Six releases of 16 objects: what is read of each by its name is its state, and no object of it but the first few.
    let gets = requests.len() - lists.values().sum::<usize>();
    assert!(gets < 6 * 6 + 20, "{gets} other requests");
}

#[test]
fn whoever_may_list_one_namespace_alone_is_answered_for_it() {
    let fleet = Fleet::new(1);
    for name in ["api", "shop"] {
        fleet.promote(fleet.home(), name, 4);
    }
    let user = fleet.home().user("reader");
    let user = user
        .may(&["get", "list"], "", &["configmaps"])
        .may(&["get"], "", &["serviceaccounts"])
        .ready();
    let run = |words: &[&str]| {
        let mut command = TestCluster::get().delivery();
        command.env("KUBECONFIG", user.kubeconfig());
        command.args(words).args(["-n", fleet.home().name()]);
        command.run()
    };

    // What may not be listed is read by name.
    let view = run(&["diff", "--all", "--mode", "readonly", "-o", "json"])
        .exits(0)
        .json();
    assert_eq!(drifts(&view), named(&[("api", "inSync"), ("shop", "inSync")]));
    let error = run(&["diff", "-A"]).exits(2).stderr;
    assert!(error.contains("cannot list resource \"configmaps\""), "{error}");
}

#[test]
fn what_may_not_be_read_is_unknown_in_its_release_alone() {
    let fleet = Fleet::new(1);
    fleet.promote(fleet.home(), "api", 4);
    let maps: Vec<Value> = Fleet::objects("shop", 4)
        .into_iter()
        .filter(|object| object["kind"] == "ConfigMap")
        .collect();
    fleet.promote_objects(fleet.home(), "shop", &maps);
    let user = fleet
        .home()
        .user("reader")
        .may(&["get", "list"], "", &["configmaps"])
        .ready();

    let mut command = TestCluster::get().delivery();
    command.env("KUBECONFIG", user.kubeconfig());
    command.args([
        "diff",
        "--all",
        "--mode",
        "readonly",
        "-o",
        "json",
        "-n",
        fleet.home().name(),
    ]);
    let view = command.run().exits(2).json();
    assert_eq!(drifts(&view), named(&[("api", "unknown"), ("shop", "inSync")]));
}

#[test]
fn labels_of_an_inventory_choose_releases_and_outlive_a_promotion() {
    let fleet = Fleet::new(1);
    for name in ["api", "shop"] {
        fleet.promote(fleet.home(), name, 1);
    }
    let mut label = fleet.home().kubectl();
    label
        .args(["label", "configmap/delivery-shop", "team=payments"])
        .run()
        .ok();
    let objects = [Fleet::objects("shop", 1), Fleet::objects("more", 1)].concat();
    fleet.promote_objects(fleet.home(), "shop", &objects);

    let view = fleet
        .run(&["diff", "-l", "team=payments", "-o", "json"])
        .exits(0)
        .json();
    assert_eq!(drifts(&view), named(&[("shop", "inSync")]));
    let view = fleet
        .run(&["diff", "-l", "team!=payments", "-o", "json"])
        .exits(0)
        .json();
    assert_eq!(drifts(&view), named(&[("api", "inSync")]));
    let status = fleet.run(&["status", "shop", "-o", "json"]).exits(0).json();
    assert_eq!(status[0]["verified"], true, "the seal fits");

    let none = fleet.run(&["diff", "-l", "team=nosuch"]).exits(2).stderr;
    assert!(none.contains("has an inventory with these labels"), "{none}");
    let wrong = fleet.run(&["diff", "-l", "team>1"]).exits(2).stderr;
    assert!(wrong.contains("expected a label selector"), "{wrong}");
}

#[test]
fn a_release_that_was_deleted_is_not_promoted_and_no_error() {
    let fleet = Fleet::new(1);
    for name in ["api", "shop"] {
        fleet.promote(fleet.home(), name, 1);
    }
    fleet.run(&["delete", "shop", "--yes"]).ok();

    let view = fleet.run(&["diff", "--all", "-o", "json"]).exits(0).json();
    assert_eq!(
        drifts(&view),
        named(&[("api", "inSync"), ("shop", "notPromoted")])
    );
}

#[test]
fn a_change_between_the_list_and_a_dry_run_is_seen() {
    let fleet = Fleet::new(1);
    fleet.promote(fleet.home(), "shop", 8);
    fleet.edit(fleet.home(), "shop-3");

    // Each object is asked about: the edited one is compared with the server's own answer.
    let ran = fleet
        .run(&["diff", "--all", "--mode", "server", "-o", "json"])
        .exits(1);
    let view = ran.json();
    let objects = view["releases"][0]["diff"]["objects"].as_array().unwrap().clone();
    assert_eq!(objects.len(), 1, "{objects:?}");
    assert_eq!(objects[0]["certainty"], "dryRun");
}

#[test]
fn a_name_is_a_promoted_release_unless_it_looks_like_a_file_or_is_one() {
    let fleet = Fleet::new(1);
    for name in ["api", "shop"] {
        fleet.promote(fleet.home(), name, 1);
    }
    let directory = fleet.directory.path();
    std::fs::create_dir(directory.join("api")).unwrap();
    fleet.run(&["diff", "shop"]).exits(0);
    // A directory is no file of a release.
    fleet.run(&["diff", "api"]).exits(0);
    fleet.run(&["diff", "shop.release.json"]).exits(0);

    std::fs::copy(directory.join("api.release.json"), directory.join("shop")).unwrap();
    let file = fleet.run(&["diff", "shop", "-o", "json"]).exits(0).json();
    assert_eq!(file["release"]["name"], "api", "the file of that name");
    let name = fleet
        .run(&["diff", "--name", "shop", "-o", "json"])
        .exits(0)
        .json();
    assert_eq!(name["release"]["name"], "shop");

    let unknown = fleet.run(&["diff", "shopp"]).exits(2).stderr;
    assert!(unknown.contains("no release shopp in namespace"), "{unknown}");
    assert!(unknown.contains("did you mean shop?"), "{unknown}");
    let missing = fleet.run(&["diff", "nosuch.yaml"]).exits(2).stderr;
    assert!(missing.contains("nosuch.yaml"), "{missing}");
    let several = fleet.run(&["diff"]).exits(2).stderr;
    assert!(several.contains("kubectl delivery diff --all -n"), "{several}");
}

#[test]
fn one_release_is_compared_with_the_environment_that_it_was_promoted_with() {
    let fleet = Fleet::new(1);
    fleet.promote(fleet.home(), "shop", 1);
    let environment = json!({
        "apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment", "metadata": {"name": "test"},
        "spec": {"differences": [{"target": {"kind": "ConfigMap"}, "path": "/data/level",
            "reason": "the level is set here"}]},
    });
    let file = fleet.directory.path().join("environment.json");
    std::fs::write(&file, environment.to_string()).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let words = [
        "promote",
        "shop.release.json",
        "-y",
        "--settle",
        "0s",
        "-e",
        &file,
    ];
    fleet.edit(fleet.home(), "shop-0");
    fleet
        .run(&[&words[..], &["--adopt", "kubectl-edit"]].concat())
        .ok();
    fleet.edit(fleet.home(), "shop-0");

    fleet.run(&["diff", "shop"]).exits(0);
    fleet.run(&["diff", "--all"]).exits(0);
}

#[test]
fn flags_of_one_release_are_refused_beside_several() {
    let fleet = Fleet::new(1);
    let file = Path::new("nosuch.yaml").display().to_string();
    for flags in [["-e", &file], ["-f", &file], ["-k", "."]] {
        let error = fleet.run(&["diff", "--all", flags[0], flags[1]]).exits(2).stderr;
        assert!(error.contains("are of one release"), "{error}");
    }
    for flags in [["--since", "1h"], ["--name", "shop"]] {
        let error = fleet.run(&["diff", "--all", flags[0], flags[1]]).exits(2).stderr;
        assert!(error.contains("cannot be used with"), "{error}");
    }
    let error = fleet.run(&["diff", "--all"]).exits(2).stderr;
    assert!(error.contains("no release in namespace"), "{error}");
}

#[test]
fn each_format_is_one_document_of_all_releases() {
    let fleet = Fleet::new(1);
    for name in ["api", "shop", "web"] {
        fleet.promote(fleet.home(), name, 1);
    }
    fleet.edit(fleet.home(), "shop-0");
    let all = |format: &str| fleet.run(&["diff", "--all", "-o", format]).exits(1).stdout;

    let suites = all("junit");
    assert_eq!(suites.matches("<?xml").count(), 1);
    assert_eq!(suites.matches("<testsuite ").count(), 3);
    assert_eq!(suites.matches("<failure ").count(), 1);
    let page = all("html");
    assert_eq!(page.matches("<!doctype html>").count(), 1);
    assert!(page.contains("href=\"#release-1\"") && page.contains("id=\"release-1\""));
    let markdown = all("markdown");
    assert_eq!(markdown.matches("<!-- kubectl-delivery:").count(), 1);
    assert!(markdown.contains("| RELEASE | HEALTH | DRIFT |"), "{markdown}");
    assert!(all("yaml").contains("headline: "));
}

#[test]
fn histories_and_images_are_those_of_the_releases_that_are_meant() {
    let fleet = Fleet::new(2);
    for namespace in &fleet.namespaces {
        fleet.promote(namespace, "shop", 1);
    }
    let mut command = TestCluster::get().delivery();
    command.args(["history", "-A", "-l", &fleet.label, "-o", "json"]);
    let histories = command.run().exits(0).json();
    let entries = histories.as_array().unwrap();
    assert_eq!(entries.len(), 2, "{histories}");
    assert!(
        entries
            .iter()
            .all(|one| one["revisions"][0]["outcome"] == "promoted")
    );

    let table = fleet.run(&["history", "--all"]).exits(0).stdout;
    assert!(table.starts_with("NAMESPACE"), "{table}");
    let unknown = fleet.run(&["images", "nosuch", "--offline"]).exits(1).stderr;
    assert!(unknown.contains("no release nosuch in namespace"), "{unknown}");
}
