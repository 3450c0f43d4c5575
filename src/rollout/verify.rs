//! From what is known of an object's pods to what is said of each of its images.

use super::prove::Proof;
use super::workload_images::WorkloadImages;
use crate::model::hook::CLEANED_UP;
use crate::model::release::RecordedImage;
use crate::model::verification::{ImageVerification, ObjectVerification, VerificationState};
use std::collections::BTreeSet;

/// A kubelet reports it behind a feature gate that is off by default (`ImageVolumeWithDigest`, alpha): few clusters tell.
const VOLUME: &str = "image volume not verified: kubelets do not report its digest by default";

/// What is known of each tested image that an object names.
pub fn verify(workload: &WorkloadImages, tested: &[RecordedImage], proof: &Proof) -> ObjectVerification {
    let images = workload
        .tested(tested)
        .into_iter()
        .map(|image| ImageVerification {
            reference: image.reference.clone(),
            object: Some(workload.target.id()),
            state: state(workload, image, proof),
        });
    let pods: BTreeSet<&String> = proof.verified.values().flat_map(|tally| &tally.pods).collect();

    ObjectVerification {
        images: images.collect(),
        pods: pods.len() as u32,
    }
}

/// The images of the release that no object names.
pub fn verify_unnamed(named: &BTreeSet<&str>, tested: &[RecordedImage]) -> ObjectVerification {
    let is_unnamed = |image: &&RecordedImage| !named.contains(image.reference.as_str());
    let images = tested.iter().filter(is_unnamed).map(|image| ImageVerification {
        reference: image.reference.clone(),
        object: None,
        state: VerificationState::NotRunning {
            message: "not used by any object".into(),
        },
    });

    ObjectVerification {
        images: images.collect(),
        pods: 0,
    }
}

/// The images of an object that was not applied and need not be there: a hook that was skipped, a Job that goes by itself.
pub fn verify_absent(workload: &WorkloadImages, tested: &[RecordedImage]) -> ObjectVerification {
    let idle = match &*workload.target.resource.kind {
        "Job" => format!("does not exist: {CLEANED_UP}, or never applied"),
        _ => "does not exist".to_owned(),
    };
    let proof = Proof {
        idle: Some(idle),
        ..Proof::default()
    };
    verify(workload, tested, &proof)
}

fn state(workload: &WorkloadImages, image: &RecordedImage, proof: &Proof) -> VerificationState {
    if let Some(message) = proof.replaced.get(&image.reference) {
        return VerificationState::Wrong {
            message: message.clone(),
        };
    }
    if let Some(tally) = proof.verified.get(&image.reference)
        && proof.is_settled()
        && proof.doubt.is_none()
    {
        return VerificationState::Verified {
            containers: tally.containers,
            pods: tally.pods.len() as u32,
        };
    }
    if let (Some(why), None) = (&proof.idle, &proof.doubt) {
        return VerificationState::NotRunning { message: why.clone() };
    }

    let why = proof
        .doubt
        .as_ref()
        .or(proof.unread.as_ref())
        .or(proof.unknown.first())
        .or(proof.unresolved.first());
    let message = match why {
        Some(why) => why.clone(),
        None if workload.is_of_volumes(image) => VOLUME.into(),
        None => format!("no container of its pods runs {}", image.reference),
    };
    VerificationState::Unknown { message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::kinds::built_in;
    use crate::model::{Object, Sha256Digest, Target};
    use serde_json::json;

    const IMAGE: &str = "r.example/web:1";

    /// What is said of the image of a Deployment of which this is known.
    fn state_of_image(proof: &Proof) -> VerificationState {
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": IMAGE}]}}}});
        let target = Target::new(&built_in("apps", "Deployment").unwrap(), Some("shop"), "web");
        let workload = WorkloadImages::find(&target, &Object::new(object).unwrap(), &[]).unwrap();
        let image = RecordedImage {
            reference: IMAGE.into(),
            digest: Sha256Digest::compute(b"tested"),
            origin: None,
            platforms: Vec::new(),
        };
        verify(&workload, &[image], proof).images[0].state.clone()
    }

    /// One container runs it.
    fn running() -> Proof {
        let mut proof = Proof::default();
        let tally = proof.verified.entry(IMAGE.into()).or_default();
        tally.containers = 1;
        tally.pods.insert("web-1".into());
        proof
    }

    #[test]
    fn an_image_is_verified_only_where_nothing_is_open_or_in_doubt() {
        let verified = VerificationState::Verified {
            containers: 1,
            pods: 1,
        };
        assert_eq!(state_of_image(&running()), verified);

        let unknown = |change: fn(&mut Proof)| {
            let mut proof = running();
            change(&mut proof);
            match state_of_image(&proof) {
                VerificationState::Unknown { message } => message,
                state => panic!("{state:?}"),
            }
        };
        assert_eq!(
            unknown(|proof| proof.doubt = Some("no such owner".into())),
            "no such owner"
        );
        assert_eq!(
            unknown(|proof| proof.unread = Some("forbidden".into())),
            "forbidden"
        );
        assert_eq!(
            unknown(|proof| proof.unknown.push("pod web-2".into())),
            "pod web-2"
        );
    }

    #[test]
    fn what_runs_instead_is_wrong_however_many_are_right() {
        let mut proof = running();
        proof.replaced.insert(IMAGE.into(), "web-2 runs another".into());
        let message = "web-2 runs another".into();
        assert_eq!(state_of_image(&proof), VerificationState::Wrong { message });
    }

    #[test]
    fn an_object_that_wants_no_pods_is_not_running_unless_some_are_in_doubt() {
        let mut proof = Proof {
            idle: Some("is scaled to 0 replicas".into()),
            ..Proof::default()
        };
        let message = "is scaled to 0 replicas".into();
        assert_eq!(state_of_image(&proof), VerificationState::NotRunning { message });

        proof.doubt = Some("no such owner".into());
        let message = "no such owner".into();
        assert_eq!(state_of_image(&proof), VerificationState::Unknown { message });
    }
}
