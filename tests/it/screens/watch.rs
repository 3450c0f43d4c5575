//! Screens of `watch`.

use super::Stage;
use super::stage::{assert_screen, config, web};
use crate::harness::{ran, until};
use std::io::Read;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Instant;

#[test]
fn drift_that_comes_and_goes_and_drift_that_stays() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);
    let mut command = stage.command("watch");
    let start = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let (mut out, written) = (child.stdout.take().unwrap(), Arc::<Mutex<Vec<u8>>>::default());
    let reader = std::thread::spawn({
        let written = written.clone();
        move || {
            let mut bytes = [0; 1024];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                written.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        }
    });
    let shows = |text: &str| {
        let is_shown = || String::from_utf8_lossy(&written.lock().unwrap()).contains(text);
        assert!(until(60, is_shown), "no {text:?}");
    };
    shows("2 objects");
    // Its first comparison follows at once.
    std::thread::sleep(std::time::Duration::from_secs(3));
    stage.kubectl("scale deployment/web --replicas 2");
    shows("/spec/replicas");
    stage.kubectl("scale deployment/web --replicas 1");
    shows("closed");
    stage.kubectl("delete configmap settings");
    shows("settings: does not exist");
    stage.interrupt(&child);

    let mut output = child.wait_with_output().unwrap();
    reader.join().unwrap();
    output.stdout = written.lock().unwrap().clone();
    assert_screen("watch", &ran(&command, &output, start.elapsed()));
}

#[test]
fn a_namespace_without_the_release_that_is_named() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    stage.assert_screen("watch_no_release", "watch shp");
    stage.assert_screen("watch_file", "diff shop-1.4.1.yaml --watch");
}
