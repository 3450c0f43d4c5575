//! An image of the built program, made without a container engine: the program, its C library, and nothing else.

use crate::harness::{Run, TestCluster};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Pushes it once, and tells its name.
pub fn pushed(cluster: &TestCluster) -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| push(cluster))
}

fn push(cluster: &TestCluster) -> String {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let program = Path::new(env!("CARGO_BIN_EXE_kubectl-delivery"));
    let inside = root.join("usr/local/bin/kubectl-delivery");
    std::fs::create_dir_all(inside.parent().unwrap()).unwrap();
    Command::new("strip")
        .arg("-o")
        .arg(&inside)
        .arg(program)
        .run()
        .ok();
    let linked = Command::new("ldd").arg(program).run().ok();
    for library in linked.split_whitespace().filter(|word| word.starts_with('/')) {
        let copy = root.join(library.trim_start_matches('/'));
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(library, copy).unwrap();
    }
    let layer = folder.path().join("layer.tar");
    Command::new("tar")
        .arg("-C")
        .arg(&root)
        .arg("-cf")
        .arg(&layer)
        .arg(".")
        .run()
        .ok();
    let name = format!(
        "{}/test/kubectl-delivery:{}",
        cluster.registry,
        env!("CARGO_PKG_VERSION")
    );
    let crane = || {
        let mut command = Command::new(cluster.tools.join("crane"));
        command.arg("--insecure");
        command
    };
    crane()
        .args(["append", "--oci-empty-base", "--new_tag", &name, "--new_layer"])
        .arg(&layer)
        .run()
        .ok();
    let entry = "/usr/local/bin/kubectl-delivery";
    let mutate = [
        "mutate",
        &name,
        "--tag",
        &name,
        "--set-platform",
        "linux/amd64",
        "--entrypoint",
        entry,
    ];
    crane().args(mutate).run().ok();
    // The node may have an older one under this name: by its digest it is this one.
    let digest = crane().args(["digest", &name]).run().ok();
    format!("{}/test/kubectl-delivery@{}", cluster.registry, digest.trim())
}
