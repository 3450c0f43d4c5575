//! Real installations, unmodified, on simulated nodes: promoted, edited, broken, adopted and reverted. `make realapps`.
//!
//! `APPS=name,name` takes these, `APPS=ci` those that fit ten minutes; `PARTS=life,apply,server-side,helm` takes parts;
//! `SEED=n` repeats what was drawn at random. A run of all parts writes its rows of docs/real-applications.md.

#[path = "../it/harness/mod.rs"]
mod harness;
#[path = "../it/registries/image.rs"]
#[allow(dead_code)]
mod image;
#[path = "../it/execute/snapshot.rs"]
#[allow(dead_code)]
mod snapshot;

mod adoption;
mod apps;
mod breaking;
mod draw;
mod hands;
mod installed;
mod life;
mod scene;
mod sources;
mod table;

use apps::App;
use scene::Scene;
use table::Row;

fn chosen() -> Vec<App> {
    let wanted = std::env::var("APPS").unwrap_or_default();
    let names: Vec<&str> = wanted.split([',', ' ']).filter(|name| !name.is_empty()).collect();
    let all = apps::all();
    for name in names.iter().filter(|name| **name != "ci") {
        let known: Vec<&str> = all.iter().map(|app| app.name).collect();
        assert!(
            known.contains(name),
            "APPS: there is no application {name}; there are {known:?}"
        );
    }
    let is_chosen =
        |app: &App| names.is_empty() || names.contains(&app.name) || (app.is_in_ci && names.contains(&"ci"));
    all.into_iter().filter(is_chosen).collect()
}

fn takes(part: &str) -> bool {
    let wanted = std::env::var("PARTS").unwrap_or_default();
    wanted.is_empty() || wanted.split([',', ' ']).any(|name| name == part)
}

#[test]
fn real_applications_are_promoted_edited_broken_adopted_and_reverted() {
    let seed = draw::seed();
    println!("SEED={seed}");
    let cluster = scene::control_plane();
    let mut rows = Vec::new();
    for app in chosen() {
        println!("== {}", app.name);
        let mut row = Row::new(app.name);
        let mut draw = draw::Draw::new(seed, app.name);
        match installed::prepared(&cluster, &app) {
            Err(why) => row.failed("rendered", why),
            Ok(rendered) => {
                let scene = Scene::new(&cluster, &app, &rendered);
                row.objects = rendered.objects.len();
                if takes("life") {
                    life::run(&scene, &mut draw, &mut row);
                }
                adoption::run(&scene, &mut row, takes);
            }
        }
        println!("{}", row.line());
        rows.push(row);
        // What is done stays where the run is ended.
        table::write(&rows, seed);
    }
    let failures: Vec<String> = rows.iter().flat_map(Row::failures).collect();
    assert!(
        failures.is_empty(),
        "{} failures (SEED={seed}):\n{}",
        failures.len(),
        failures.join("\n")
    );
}
