//! Which operating system runs the program, and its name as Go and OCI write it.

/// An operating system that the program is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Linux.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
    /// Another one, of which nothing is known.
    Other,
}

impl System {
    /// The one that this binary was built for.
    pub fn current() -> Self {
        Self::from_name(std::env::consts::OS)
    }

    /// By Rust's name for it.
    fn from_name(name: &str) -> Self {
        match name {
            "linux" => Self::Linux,
            "macos" => Self::MacOs,
            "windows" => Self::Windows,
            _ => Self::Other,
        }
    }
}

/// Operating system and architecture as kubectl, krew and registries name them, such as `linux/amd64`; `os` and
/// `arch` are Rust's names (`std::env::consts`). A name that is the same in both worlds stays.
pub fn go_platform(os: &str, arch: &str, is_little_endian: bool) -> String {
    let os = match os {
        "macos" => "darwin",
        other => other,
    };
    let arch = match (arch, is_little_endian) {
        ("x86_64", _) => "amd64",
        ("aarch64", _) => "arm64",
        ("x86", _) => "386",
        ("powerpc64", true) => "ppc64le",
        ("powerpc64", false) => "ppc64",
        ("loongarch64", _) => "loong64",
        (other, _) => other,
    };
    format!("{os}/{arch}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("linux", "x86_64", "linux/amd64")]
    #[case("linux", "aarch64", "linux/arm64")]
    #[case("macos", "aarch64", "darwin/arm64")]
    #[case("windows", "x86_64", "windows/amd64")]
    #[case("linux", "x86", "linux/386")]
    #[case("linux", "powerpc64", "linux/ppc64le")]
    // The same in both worlds.
    #[case("linux", "s390x", "linux/s390x")]
    #[case("linux", "riscv64", "linux/riscv64")]
    fn a_platform_is_named_as_kubectl_names_it(#[case] os: &str, #[case] arch: &str, #[case] expected: &str) {
        assert_eq!(go_platform(os, arch, true), expected);
    }

    #[test]
    fn each_system_that_is_built_for_is_known_by_its_name() {
        let names = ["linux", "macos", "windows", "freebsd"];
        assert_eq!(
            names.map(System::from_name),
            [System::Linux, System::MacOs, System::Windows, System::Other]
        );
    }
}
