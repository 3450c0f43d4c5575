//! What the earlier program leaves where it is killed, as whole objects: read by this one, and kept in
//! `tests/fixtures/formats/v1/open` where `KUBECTL_DELIVERY_FORMATS=DIR` is set (`make old-journals`).

use super::application::Application;
use super::by_earlier;
use crate::execute::app::workload;
use crate::execute::crash_fixture::{Killed, Then};
use crate::execute::crash_points::Disturbed;
use crate::execute::small_app::objects;
use crate::formats::{open, stored};
use crate::harness::{Act, Recorded, Run};
use kubectl_delivery::testing::model::Object;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// What a write is to: the seal, the journal, the inventory, the lock, a pre-image or record, an object.
fn what(write: &Recorded) -> String {
    let mut words = write.path.rsplit('/');
    let (name, kind) = (words.next().unwrap(), words.next().unwrap());
    let method = write.method.as_str().to_lowercase();
    let what = match (kind, name) {
        (_, "delivery-app-seal") => "seal".into(),
        (_, "delivery-app-journal") => "journal".into(),
        ("leases", _) | (_, "leases") => "lock".into(),
        (_, "delivery-app") => "inventory".into(),
        // A new one: of what is kept, those that are written once.
        (_, "secrets") => "pre-image".into(),
        (_, "configmaps") => "record".into(),
        (_, name) if name.starts_with("delivery-app-") => "part".into(),
        (kind, name) => format!("{kind}-{name}"),
    };
    format!("{method}-{what}")
}

/// The first write of each kind, and the last ones of the journal and the inventory.
fn points(writes: &[Recorded]) -> Vec<(usize, String)> {
    let mut seen = BTreeSet::new();
    let mut found: Vec<(usize, String)> = (1..)
        .zip(writes.iter().map(what))
        .filter(|(_, what)| seen.insert(what.clone()))
        .collect();
    for last in ["put-journal", "put-inventory"] {
        if let Some(at) = writes.iter().rposition(|write| what(write) == last) {
            found.push((at + 1, format!("last-{last}")));
        }
    }
    found.sort();
    found
}

/// Reads what is there, and keeps it where that is asked for.
fn keep(place: &Application, name: &str) {
    let state = stored(&place.app);
    let mut all = state.clone();
    let live = place
        .live()
        .into_iter()
        .filter_map(|object| Object::new(object).ok());
    // What the release keeps is among the ConfigMaps as well.
    all.extend(live.filter(|one| !state.iter().any(|known| known.id() == one.id())));
    if let Some(folder) = std::env::var_os("KUBECTL_DELIVERY_FORMATS") {
        let items: Vec<&Value> = all.iter().map(Object::value).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let text = serde_json::to_string(&list).unwrap() + "\n";
        let folder = Path::new(&folder).join("open");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.json")), text).unwrap();
    }
    open::is_understood(name, all);
}

#[test]
fn what_an_earlier_version_leaves_at_each_kind_of_write_is_read() {
    let place = Application::new();
    for (killed, name) in [(Killed::Promote, "promote"), (Killed::Revert, "revert")] {
        place.writes(killed);
        for (n, what) in points(&place.proxy.writes()) {
            place.prepare(killed);
            let act = Act::kill_in_turn(n);
            if !place.kill(killed, n, act) {
                continue;
            }
            let when = if act == Act::KillBefore { "before" } else { "after" };
            keep(&place, &format!("{name}-{n:02}-{when}-{what}"));
            place.settle(Then::Revert, &format!("{name} killed {when} {what}"));
        }
    }

    let broken: Vec<Value> = objects(2)
        .into_iter()
        .map(|object| match object["kind"].as_str() {
            Some("Deployment") => workload("Deployment", "web", '3', Some("crash-loop")),
            _ => object,
        })
        .collect();
    place.prepare(Killed::Promote);
    place.proxy.forget();
    let mut fails = by_earlier(&place.app.promote("3", &broken));
    place.proxy.run(&mut fails).exits(3);
    let writes = place.proxy.writes().len();
    for (round, n) in [4, 12, 20].into_iter().map(|back| writes - back).enumerate() {
        place.proxy.forget();
        place.proxy.at_write(n, Act::kill_in_turn(n));
        let mut fails = by_earlier(&place.app.promote(&format!("4.{round}"), &broken));
        if place.proxy.run(&mut fails).code.is_none() {
            keep(&place, &format!("rollback-{n:02}"));
            place.app.revert().run();
        }
    }
}
