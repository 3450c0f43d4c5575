//! The README's blocks with krew, as they stand.

use super::{Krew, kubectl, read, root};
use crate::blocks::{blocks, needs_krew};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

#[test]
fn the_blocks_of_the_readme_with_krew_install_it_as_they_stand() {
    let text = read("README.md");
    let found: Vec<_> = blocks(&text).into_iter().filter(needs_krew).collect();
    assert!(
        !found.is_empty() && found.iter().all(|block| block.language == "sh"),
        "{found:?}"
    );
    for block in found {
        let krew = Krew::new();
        std::fs::create_dir_all(krew.bin()).unwrap();
        let kubectl = kubectl(&krew.bin()).get_program().to_owned();
        for (name, program) in [("kubectl-krew", krew.program.as_os_str()), ("kubectl", &kubectl)] {
            if Path::new(program).is_absolute() {
                std::os::unix::fs::symlink(program, krew.bin().join(name)).unwrap();
            }
        }
        // As a shell of its own, which knows nothing of the make that runs this test.
        let mut bash = krew.command_of("bash", &["-euo", "pipefail"]);
        bash.current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL"] {
            bash.env_remove(name);
        }
        let mut child = bash.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(block.text.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}\n{output:?}", block.text);
        assert!(
            shown.contains(concat!("client: v", env!("CARGO_PKG_VERSION"))),
            "{shown}"
        );
        assert!(krew.bin().join("kubectl-delivery").exists());
    }
}
