//! What each system prints, as it prints it; Linux's files and `ps` are asked for real.

use super::*;
use rstest::rstest;

#[test]
fn on_linux_a_start_is_the_22nd_field_whatever_the_name_holds() {
    let stat = "77 (a b) c) S 1 77 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 123456 0 0";
    assert_eq!(
        ProcessState::from_stat(stat),
        ProcessState::Running("123456".into())
    );

    let zombie = stat.replace(") S ", ") Z ");
    assert_eq!(ProcessState::from_stat(&zombie), ProcessState::Gone);
    assert_eq!(ProcessState::from_stat("77 (x) S 1"), ProcessState::Unknown);
    assert_eq!(ProcessState::from_stat(""), ProcessState::Unknown);
}

#[rstest]
#[case::it_runs(
    Some((true, "Ss   Mon Nov 30 15:51:22 2026\n")),
    ProcessState::Running("Mon-Nov-30-15:51:22-2026".into())
)]
#[case::a_day_of_one_digit(
    Some((true, "S+   Tue Dec  1 05:01:02 2026    \n")),
    ProcessState::Running("Tue-Dec-1-05:01:02-2026".into())
)]
#[case::a_zombie(Some((true, "Z+   Mon Nov 30 15:51:22 2026\n")), ProcessState::Gone)]
#[case::there_is_none(Some((false, "")), ProcessState::Gone)]
#[case::ps_is_another_program(Some((true, "")), ProcessState::Unknown)]
#[case::ps_prints_something_else(Some((true, "ps: illegal option\n")), ProcessState::Unknown)]
#[case::there_is_no_ps(None, ProcessState::Unknown)]
fn on_macos_ps_says_how_a_process_is(#[case] ran: Option<(bool, &str)>, #[case] expected: ProcessState) {
    let ran = ran.map(|(succeeded, text)| (succeeded, text.to_owned()));
    assert_eq!(ProcessState::from_ps(ran), expected);
}

#[rstest]
#[case("134100123456789012\r\n", ProcessState::Running("134100123456789012".into()))]
#[case("gone\r\n", ProcessState::Gone)]
// A process of another user, whose start may not be read.
#[case("", ProcessState::Unknown)]
#[case("Get-Process : Access is denied", ProcessState::Unknown)]
fn on_windows_powershell_says_how_a_process_is(#[case] text: &str, #[case] expected: ProcessState) {
    assert_eq!(ProcessState::from_powershell(text), expected);
}

#[test]
fn on_macos_a_machine_is_two_lines_of_sysctl() {
    let machine = Machine::from_sysctl("mini.local\n1B2C3D4E-0000-1111-2222-333344445555\n");
    assert_eq!(machine.host, "mini.local");
    assert_eq!(machine.boot, "1B2C3D4E-0000-1111-2222-333344445555");

    // An older macOS without the second one: nothing is concluded there.
    assert_eq!(Machine::from_sysctl("mini.local\n"), Machine::default());
}

#[test]
fn on_windows_a_start_of_a_machine_is_two_values_of_the_registry() {
    let guid = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography\r\n    MachineGuid    REG_SZ    \
                0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0\r\n\r\n";
    let boot = "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\x\r\n    BootId    REG_DWORD    0x2a\r\n";
    let values = [
        registry_value(guid, "MachineGuid"),
        registry_value(boot, "BootId"),
    ];
    assert_eq!(
        values,
        [Some("0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"), Some("0x2a")]
    );

    let [machine, boot] = values.map(|value| value.map(str::to_owned));
    assert_eq!(
        windows_boot(machine.clone(), boot),
        "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0-0x2a"
    );
    assert_eq!(windows_boot(machine, None), "");
    assert_eq!(
        registry_value("ERROR: The system was unable to find the key.", "BootId"),
        None
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_runs_until_it_is_ended_by_linuxs_files_and_by_ps_alike() {
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let pid = child.id();
    // procps prints what macOS's ps prints.
    for system in [System::Linux, System::MacOs] {
        let first = ProcessState::read(system, pid);
        assert!(matches!(first, ProcessState::Running(_)), "{system:?}: {first:?}");
        assert_eq!(ProcessState::read(system, pid), first);
    }

    child.kill().unwrap();
    child.wait().unwrap();
    for system in [System::Linux, System::MacOs] {
        assert_eq!(ProcessState::read(system, pid), ProcessState::Gone, "{system:?}");
    }
    // Neither program is here: nothing is concluded.
    assert_eq!(ProcessState::read(System::Windows, pid), ProcessState::Unknown);
    assert_eq!(ProcessState::read(System::Other, pid), ProcessState::Unknown);
}

#[cfg(target_os = "linux")]
#[test]
fn this_machine_has_a_name_and_a_start() {
    let machine = Machine::current(System::Linux);
    assert!(
        !machine.host.is_empty() && machine.boot.len() == 36,
        "{machine:?}"
    );
    assert!(!machine.pid_namespace.is_empty());

    // Linux has no kern.bootsessionuuid, and no registry.
    assert_eq!(Machine::current(System::MacOs).boot, "");
    assert_eq!(Machine::current(System::Windows).boot, "");
}
