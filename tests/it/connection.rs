//! What a person reads when there is no way to the cluster: each cause has its own sentence and says what to type.

use crate::harness::{AT_ONCE, Ran, Run, TestCluster, delivery};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    /// The cluster's own kubeconfig, changed.
    fn changed(&self, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let view = ["config", "view", "--raw", "--flatten", "-o", "json"];
        let mut config = TestCluster::get().kubectl().args(view).run().json();
        change(&mut config);
        self.write(name, &config.to_string())
    }
}

fn version(kubeconfig: &Path) -> Command {
    let mut command = delivery(&TestCluster::get().tools);
    command.env("KUBECONFIG", kubeconfig).arg("version");
    command
}

/// An error, a hint and exit 1: nothing else, and nothing of Rust.
#[track_caller]
fn refused(ran: Ran, sentence: &str, hint: &str) {
    let ran = ran.exits(1);
    assert!(
        ran.stderr.starts_with("error: ") && ran.stderr.contains(sentence),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains(&format!("\nhint: {hint}")), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    for form in ["Some(", "Err(", "Os {", "::", "\\\"", "panicked"] {
        assert!(!ran.stderr.contains(form), "{form} in {}", ran.stderr);
    }
}

#[test]
fn a_port_that_nobody_listens_on() {
    let ran = version(&TestCluster::get().kubeconfig)
        .args(["--server", "https://127.0.0.1:1"])
        .run();
    assert!(ran.took < AT_ONCE, "{:?}", ran.took);
    refused(
        ran,
        "cannot connect to https://127.0.0.1:1: connection refused",
        "to check the connection: kubectl cluster-info",
    );
}

#[test]
fn a_server_that_never_answers_is_given_up_within_the_request_timeout() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", silent.local_addr().unwrap());
    let ran = version(&TestCluster::get().kubeconfig)
        .args(["--server", &address, "--request-timeout", "1s"])
        .run();
    assert!(ran.took < AT_ONCE, "{:?}", ran.took);
    refused(ran, "within", "to check the connection: kubectl cluster-info");
}

#[test]
fn a_host_that_has_no_name() {
    let ran = version(&TestCluster::get().kubeconfig)
        .args(["--server", "https://nowhere.invalid", "--request-timeout", "3s"])
        .run();
    refused(
        ran,
        "nowhere.invalid",
        "to check the connection: kubectl cluster-info",
    );
}

#[test]
fn a_context_that_is_not_there_is_answered_with_those_that_are() {
    let files = Files::new();
    let file = files.changed("config", |config| {
        config["contexts"][0]["name"] = "staging".into();
    });
    let ran = version(&file).args(["--context", "production"]).run();
    refused(
        ran,
        "the kubeconfig has no context \"production\"; it has staging",
        "kubectl config get-contexts",
    );
}

#[test]
fn a_mistyped_context_is_answered_with_the_one_that_was_meant() {
    let cluster = TestCluster::get();
    let meant = cluster.context();
    let mistyped = meant.replace("kwok", "kwko");
    let ran = version(&cluster.kubeconfig).args(["--context", &mistyped]).run();
    refused(
        ran,
        &format!("no context {mistyped:?}"),
        &format!("did you mean context {meant:?}?"),
    );
}

#[test]
fn a_kubeconfig_without_a_current_context() {
    let files = Files::new();
    let file = files.changed("config", |config| config["current-context"] = "".into());
    refused(
        version(&file).run(),
        "has no current context",
        "kubectl config use-context",
    );
}

#[test]
fn a_broken_kubeconfig_is_named_with_the_line_and_without_its_secrets() {
    let files = Files::new();
    let file = files.write(
        "config",
        "apiVersion: v1\nusers:\n- name: a\n  user: {token: hunter2-secret\nx: [\n",
    );
    let ran = version(&file).run();
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    assert!(ran.stderr.contains("line"), "{}", ran.stderr);
    refused(
        ran,
        &format!("invalid kubeconfig {}", file.display()),
        "kubectl config view",
    );
}

#[test]
fn a_kubeconfig_whose_field_has_the_wrong_type_does_not_show_its_value() {
    let files = Files::new();
    let file = files.write("config", "apiVersion: v1\nusers: \"hunter2-secret\"\n");
    let ran = version(&file).run();
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    refused(ran, "invalid kubeconfig", "kubectl config view");
}

#[test]
fn a_kubeconfig_that_is_named_and_not_there() {
    let ran = delivery(&TestCluster::get().tools)
        .args(["version", "--kubeconfig", "/nowhere/config"])
        .run();
    refused(
        ran,
        "cannot read the kubeconfig /nowhere/config",
        "ls -l /nowhere/config",
    );
}

#[test]
fn no_kubeconfig_at_all() {
    let ran = delivery(&TestCluster::get().tools).arg("version").run();
    refused(
        ran,
        "no kubeconfig and no ServiceAccount token",
        "add --kubeconfig",
    );
}

#[test]
fn of_several_kubeconfig_files_those_that_are_there_are_merged_and_the_first_wins() {
    let files = Files::new();
    let contexts = files.changed("contexts", |config| {
        (config["clusters"], config["users"]) = (json!([]), json!([]));
        config["contexts"][0]["name"] = "mine".into();
        config["current-context"] = "mine".into();
    });
    let rest = files.changed("rest", |config| config["current-context"] = "other".into());
    let all = std::env::join_paths([Path::new("/nowhere/config"), &contexts, &rest]).unwrap();
    let mut command = delivery(&TestCluster::get().tools);
    assert!(
        command
            .env("KUBECONFIG", all)
            .arg("version")
            .run()
            .ok()
            .contains("server: v")
    );
}

#[test]
fn an_expired_client_certificate_is_named_with_its_end() {
    use base64::Engine;
    let encode = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let mut parameters = rcgen::CertificateParams::new(vec!["old".into()]).unwrap();
    (parameters.not_before, parameters.not_after) =
        (rcgen::date_time_ymd(2019, 1, 1), rcgen::date_time_ymd(2020, 2, 3));
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap().pem();
    let files = Files::new();
    let file = files.changed("config", |config| {
        config["users"][0]["user"] = json!({
            "client-certificate-data": encode(certificate), "client-key-data": encode(key.serialize_pem()),
        });
    });
    refused(
        version(&file).run(),
        "expired at 2020-02-03T00:00:00Z",
        "renew the certificate",
    );
}

#[test]
fn a_token_that_the_server_does_not_know() {
    let files = Files::new();
    let file = files.changed("config", |config| {
        config["users"][0] = json!({"name": config["users"][0]["name"], "user": {"token": "hunter2-secret"}});
    });
    let ran = version(&file).run();
    assert!(!ran.stderr.contains("hunter2"));
    refused(
        ran,
        &format!("rejects the credentials of {:?}", TestCluster::get().context()),
        "kubectl auth whoami",
    );
}

#[test]
fn a_certificate_authority_that_did_not_sign_the_servers_certificate() {
    let files = Files::new();
    let other = rcgen::generate_simple_self_signed(vec!["other".into()])
        .unwrap()
        .cert
        .pem();
    let authority = files.write("ca.crt", &other);
    let ran = version(&TestCluster::get().kubeconfig)
        .arg("--certificate-authority")
        .arg(&authority)
        .run();
    assert!(ran.took < AT_ONCE, "{:?}", ran.took);
    refused(
        ran,
        "signed by an unknown authority",
        "to check the connection: kubectl cluster-info",
    );
    let ran = version(&TestCluster::get().kubeconfig)
        .args(["--certificate-authority", "/nowhere/ca"])
        .run();
    refused(
        ran,
        "cannot use the certificate authority from /nowhere/ca",
        "kubectl config view",
    );
}

#[test]
fn the_name_in_the_servers_certificate_is_checked_and_may_be_named() {
    let of = |name: &str| {
        version(&TestCluster::get().kubeconfig)
            .args(["--tls-server-name", name])
            .run()
    };
    refused(
        of("elsewhere.example.com"),
        "is for another name",
        "to check the connection: kubectl cluster-info",
    );
    assert!(of("localhost").ok().contains("server: v"));
}

#[test]
fn without_checks_a_wrong_name_is_accepted() {
    let cluster = TestCluster::get();
    let arguments = [
        "--insecure-skip-tls-verify",
        "--tls-server-name",
        "elsewhere.example.com",
    ];
    assert!(
        version(&cluster.kubeconfig)
            .args(arguments)
            .run()
            .ok()
            .contains("server: v")
    );
}

#[test]
fn a_server_that_speaks_no_tls_and_one_that_is_no_api_server() {
    let web = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = web.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in web.incoming() {
            let mut stream = stream.unwrap();
            // One byte is enough to know that somebody asks.
            stream.read_exact(&mut [0]).ok();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html>hi\n")
                .ok();
        }
    });
    let at = |scheme: &str| {
        let server = format!("{scheme}://{address}");
        version(&TestCluster::get().kubeconfig)
            .args(["--server", &server])
            .run()
    };
    refused(
        at("https"),
        "does not use TLS",
        "to check the connection: kubectl cluster-info",
    );
    refused(
        at("http"),
        "the API server answered 200",
        "to check the address: kubectl cluster-info",
    );
}

#[test]
fn a_mistyped_flag_and_a_mistyped_command_are_answered_with_what_was_meant() {
    let tools = &TestCluster::get().tools;
    let ran = delivery(tools).args(["version", "--contxt", "a"]).run().exits(1);
    assert!(ran.stderr.contains("did you mean --context?"), "{}", ran.stderr);
    let ran = delivery(tools).arg("verson").run().exits(1);
    assert!(
        ran.stderr.ends_with("hint: kubectl delivery version\n"),
        "{}",
        ran.stderr
    );
}

/// A proxy that makes tunnels, and tells what was asked of it.
fn tunnels() -> (String, std::sync::mpsc::Receiver<String>) {
    use std::io::{BufRead, BufReader, Write, copy};
    use std::net::{TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, outcome) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map_while(Result::ok);
            let head: Vec<_> = head.take_while(|line| !line.is_empty()).collect();
            tell.send(head.join("\n")).ok();
            let target = head[0].split(' ').nth(1).unwrap().to_owned();
            let mut server = TcpStream::connect(target).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let (mut from, mut to) = (server.try_clone().unwrap(), stream.try_clone().unwrap());
            std::thread::spawn(move || copy(&mut from, &mut to));
            std::thread::spawn(move || copy(&mut stream, &mut server));
        }
    });
    (address, outcome)
}

#[test]
fn a_clusters_proxy_is_used_with_its_user_and_password() {
    let (address, outcome) = tunnels();
    let files = Files::new();
    let file = files.changed("config", |config| {
        config["clusters"][0]["cluster"]["proxy-url"] = format!("http://me:hunter2@{address}").into();
    });
    assert!(version(&file).run().ok().contains("server: v"));
    let asked = outcome.recv().unwrap();
    let server = TestCluster::get().server.replace("https://", "");
    assert!(asked.starts_with(&format!("CONNECT {server} ")), "{asked}");
    assert!(
        asked.to_lowercase().contains("proxy-authorization: basic "),
        "{asked}"
    );
}

#[test]
fn the_environments_proxy_is_not_used_for_what_is_on_this_machine() {
    let cluster = TestCluster::get();
    let ran = version(&cluster.kubeconfig)
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .run();
    assert!(ran.ok().contains("server: v"));
}

#[test]
fn the_log_tells_requests_and_no_token() {
    let files = Files::new();
    let file = files.changed("config", |config| {
        config["users"][0] = json!({"name": config["users"][0]["name"], "user": {"token": "hunter2-secret"}});
    });
    let ran = version(&file).args(["-v", "9"]).run().exits(1);
    assert!(
        ran.stderr.contains("/version") && !ran.stderr.contains("hunter2"),
        "{}",
        ran.stderr
    );
}
