//! From what is known of an object's pods to what is said of each of its images.

use super::prove::Proof;
use super::workload_images::WorkloadImages;
use crate::model::hook::CLEANED_UP;
use crate::model::release::RecordedImage;
use crate::model::verification::{ImageVerification, ObjectVerification, VerificationState};
use std::collections::BTreeSet;

/// A kubelet reports it behind a feature gate that is off by default (`ImageVolumeWithDigest`, alpha): few clusters tell.
const VOLUME: &str = "the digest of an image volume is not verified: by default no kubelet reports it";

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
            message: "is named by no object".into(),
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
        "Job" => format!("is not there: {CLEANED_UP}, or never applied"),
        _ => "is not there".to_owned(),
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
        .or(proof.unknown.first());
    let message = match why {
        Some(why) => why.clone(),
        None if workload.is_of_volumes(image) => VOLUME.into(),
        None => format!("no container of its pods runs {}", image.reference),
    };
    VerificationState::Unknown { message }
}
