//! An index of our own, as a release writes it, and installations from it.

use super::{Krew, NAMES, archive, read, run, sum};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Serves the archive to whoever asks for anything; the address, with its port.
fn serve_archive() -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let bytes = std::fs::read(archive()).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The request fits into one read, and whatever it says has the same answer.
            let mut request = [0; 4096];
            stream.read(&mut request).ok();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                bytes.len()
            );
            stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(&bytes))
                .ok();
        }
    });
    address
}

/// An index as a release writes it, in a repository on this machine; the archives are on loopback.
pub fn made(folder: &Path) -> PathBuf {
    let index = folder.join("index");
    let git = |words: &[&str]| run(Command::new("git").arg("-C").arg(&index).args(words));
    std::fs::create_dir_all(index.join("plugins")).unwrap();
    git(&["init", "--quiet"]);
    let address = serve_archive();
    for (name, _) in NAMES {
        let release = "https://github.com/kubectl-delivery/kubectl-delivery/releases/download";
        let text = read(&format!("dist/{name}.yaml")).replace(release, &address);
        std::fs::write(index.join(format!("plugins/{name}.yaml")), text).unwrap();
    }
    git(&["add", "."]);
    git(&[
        "-c",
        "user.name=test",
        "-c",
        "user.email=test@localhost",
        "commit",
        "--quiet",
        "-m",
        "Release",
    ]);
    index
}

#[test]
fn krew_installs_both_names_from_an_index_of_our_own() {
    let krew = Krew::new();
    let folder = tempfile::tempdir().unwrap();
    let index = made(folder.path());
    // The commands of docs/install.md, with the index of this machine.
    krew.run(&["index", "add", "delivery", index.to_str().unwrap()]);
    assert!(krew.run(&["index", "list"]).contains("delivery"));
    for (name, _) in NAMES {
        krew.run(&["install", &format!("delivery/{name}")]);
    }
    krew.check_installed();
}

#[test]
fn krew_refuses_an_archive_that_is_not_the_one_of_the_index() {
    let krew = Krew::new();
    let folder = tempfile::tempdir().unwrap();
    let index = made(folder.path());
    let file = index.join("plugins/delivery.yaml");
    let text = std::fs::read_to_string(&file)
        .unwrap()
        .replace(&sum(&archive()), &"1".repeat(64));
    std::fs::write(&file, text).unwrap();
    let commit = [
        "-c",
        "user.name=test",
        "-c",
        "user.email=test@localhost",
        "commit",
        "--quiet",
        "-am",
        "Forged",
    ];
    run(Command::new("git").arg("-C").arg(&index).args(commit));

    krew.run(&["index", "add", "delivery", index.to_str().unwrap()]);
    let ran = krew.command(&["install", "delivery/delivery"]).output().unwrap();
    assert!(!ran.status.success() && !krew.bin().join("kubectl-delivery").exists());
    assert!(
        String::from_utf8_lossy(&ran.stderr).contains("checksum"),
        "{ran:?}"
    );
}
