//! An application's life: promoted onto nothing, reverted, promoted again, edited by hand, and a version that breaks.

use crate::breaking;
use crate::draw::Draw;
use crate::hands;
use crate::harness::Ran;
use crate::scene::{Scene, expect};
use crate::snapshot::Copy;
use crate::table::Row;
use serde_json::Value;

/// All of it; what cannot follow a failure is left out.
pub fn run(scene: &Scene, draw: &mut Draw, row: &mut Row) {
    row.passed("record", seconds(scene.rendered.recorded));
    if let Err(why) = scene.given() {
        row.failed("promote", why);
    } else if let before = scene.copy().unwrap_or_default()
        && row.result("promote", promoted(scene, &[]))
    {
        row.result("diff", silent(scene));
        row.result("again", again(scene));
        let reverted = row.result("revert", reverted(scene, &before));
        if !reverted {
            scene.clean();
        }
        match scene.given().and_then(|()| promoted(scene, &[])) {
            Ok(_) => {
                if !hands::run(scene, draw, row) {
                    scene.clean();
                    // What follows is another matter: from the beginning.
                    scene.given().and_then(|()| promoted(scene, &[])).ok();
                }
                breaking::run(scene, draw, row);
            }
            Err(why) => row.failed("promote", format!("the second time: {why}")),
        }
    }
    scene.clean();
}

pub fn seconds(took: std::time::Duration) -> String {
    format!("{:.1}", took.as_secs_f64())
}

/// Promotes the first version; answers the seconds.
pub fn promoted(scene: &Scene, flags: &[&str]) -> Result<String, String> {
    let release = scene.rendered.release();
    expect(scene.promote(&release, flags), 0).map(|ran| seconds(ran.took))
}

/// `diff` says nothing in any mode; answers the seconds of each.
pub fn silent(scene: &Scene) -> Result<String, String> {
    let mut took = Vec::new();
    let mut loud = Vec::new();
    for mode in ["auto", "server", "readonly"] {
        let ran = scene.diff(&["--mode", mode]);
        if ran.code != Some(0) {
            loud.push(format!("{mode}: {}", differences(&ran)));
        }
        took.push(seconds(ran.took));
    }
    loud.extend(starts_again(scene).err());
    if loud.is_empty() {
        Ok(took.join(", "))
    } else {
        Err(loud.join(" || "))
    }
}

/// Everything that was just promoted would start again, by all that can be tried; what is unknown of it is printed.
fn starts_again(scene: &Scene) -> Result<(), String> {
    let ran = scene.diff(&["--starts=full", "-o", "json"]);
    let view: Value = serde_json::from_str(&ran.stdout).map_err(|_| differences(&ran))?;
    let list = |name: &str| view[name].as_array().cloned().unwrap_or_default();
    for field in ["startUnknown", "startNotes"] {
        for one in list(field) {
            println!("{field}: {one}");
        }
    }
    let found = list("wouldNotStart");
    if view["wouldNotStart"].is_array() && found.is_empty() {
        Ok(())
    } else {
        Err(format!("--starts=full: {found:?}"))
    }
}

/// What a diff says, without its frame.
pub fn differences(ran: &Ran) -> String {
    let lines: Vec<&str> = ran
        .stdout
        .lines()
        .chain(ran.stderr.lines())
        .filter(|line| !line.trim().is_empty())
        .collect();
    format!(
        "exit {:?}, {} lines: {}",
        ran.code,
        lines.len(),
        lines
            .iter()
            .take(14)
            .map(|line| line.trim())
            .collect::<Vec<_>>()
            .join(" / ")
    )
}

/// A second promotion has nothing to do.
pub fn again(scene: &Scene) -> Result<String, String> {
    let ran = expect(scene.promote(&scene.rendered.release(), &[]), 0)?;
    let message = format!("{}{}", ran.stdout, ran.stderr);
    if message.contains("nothing to do") {
        Ok(seconds(ran.took))
    } else {
        Err(format!(
            "it did something: {}",
            message.chars().take(600).collect::<String>()
        ))
    }
}

/// Nothing is left but what was there before and what is named; 4 is the exit code where something is that is not to be
/// kept by its own mark, or for what is in it.
fn reverted(scene: &Scene, before: &Copy) -> Result<String, String> {
    let ran = scene.revert();
    let message = format!("{}{}", ran.stdout, ran.stderr);
    let left = scene
        .copy()?
        .0
        .into_keys()
        .filter(|name| !before.0.contains_key(name));
    let left: Vec<String> = left.collect();
    let unnamed: Vec<&String> = left.iter().filter(|name| !is_named(&message, name)).collect();
    if !unnamed.is_empty() {
        return Err(format!(
            "exit {:?}, and {unnamed:?} are left without a word",
            ran.code
        ));
    }
    let marked = scene.marked();
    // A namespace stays with what is kept in it.
    let holds_marked = |name: &str| {
        name.strip_prefix("Namespace ")
            .is_some_and(|own| marked.iter().any(|one| one.contains(&format!(" {own}/"))))
    };
    let is_kept = |name: &String| marked.contains(name) || holds_marked(name);
    let expected = if left.iter().all(is_kept) { 0 } else { 4 };
    let ran = expect(ran, expected)?;
    let retained = if left.is_empty() {
        String::new()
    } else {
        format!(" ({} kept)", left.len())
    };
    Ok(format!("{}{retained}", seconds(ran.took)))
}

/// A target's last word is its name.
fn is_named(message: &str, target: &str) -> bool {
    let name = target.rsplit(['/', ' ']).next().unwrap_or(target);
    message.lines().any(|line| line.contains(name))
}
