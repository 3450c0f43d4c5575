//! Indexes as build tools push them: what containerd runs is recorded with its platforms.

use super::which_image::{Scene, deployment};
use crate::harness::{Repository, Run, linux};

#[test]
fn nested_indexes_and_entries_without_a_platform_run_and_are_recorded() {
    let (scene, repository) = (Scene::new(), Repository::new());
    repository.image("plain", None);
    repository.index("inner", &[repository.entry("plain", Some(linux()))]);
    let outer = repository.index("outer", &[repository.entry("inner", None)]);
    let named = repository.index("named", &[repository.entry("inner", Some(linux()))]);
    repository.image("other", None);
    let bare = repository.index("bare", &[repository.entry("other", None)]);
    for (version, image) in [("1", &outer), ("2", &bare), ("3", &named), ("4", &outer)] {
        let file = scene.record(version, &deployment(image));
        let release = kubectl_delivery::testing::load::release(&file).unwrap().release;
        let platforms: Vec<&str> = release.spec.images[0]
            .platforms
            .iter()
            .map(|one| one.platform.0.as_str())
            .collect();
        assert_eq!(platforms, ["linux/amd64"], "{image}");
        scene.promote(&file).run().exits(0);
        scene.delivery(&["diff"]).run().exits(0);
        scene
            .delivery(&["wait", "--settle", "0s"])
            .arg(&file)
            .run()
            .exits(0);
    }
}
