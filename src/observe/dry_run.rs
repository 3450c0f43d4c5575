//! Asks the server what an object would be if only desired had ever been said, what an apply would change, and what a
//! fresh object would hold. Nothing is changed.
//!
//! An answer is worth something only together with the live object that it is about, so that both are given
//! back. Live moves while its controller works: it is read again for a while, and then told as one that
//! changes all the time. A refusal is told from an answer that nobody gave: what a webhook says of a dry run
//! is not what it would say of a real request. Whether that makes a difference, the comparison decides.

use super::objects::read;
use crate::cluster::{ApiError, ApplyOptions, Cluster, WriteOptions};
use crate::model::k8s::allocation::drop_allocated;
use crate::model::names::{self, FIELD_MANAGER};
use crate::model::refusal::RefusedBy;
use crate::model::snapshot::{Fresh, Observed, Prediction};
use crate::model::unknown::Unknown;
use crate::model::{Object, Target};
use std::time::Duration;

/// How often an object that moves while it is compared is read again.
const TRIES: u32 = 8;

/// The server's answer to a replacement of `live` by `body` alone, under the object's own name. Where a controller wrote
/// in between, live is read again: the answer holds the live object that was replaced.
pub async fn replacement(
    cluster: &dyn Cluster,
    target: &Target,
    body: &Object,
    live: Object,
) -> (Observed, Prediction) {
    let options = WriteOptions {
        manager: FIELD_MANAGER.into(),
        dry_run: true,
        not_after: None,
    };

    let mut live = live;
    for again in 0..TRIES {
        // The first try at once, and then longer each time: a
        // controller that writes has several things to write.
        tokio::time::sleep(Duration::from_millis(40) * again).await;
        // Both, so that the answer is about this live object and no other one.
        let mut sent = body.value().clone();
        sent["metadata"]["uid"] = live.uid().into();
        sent["metadata"]["resourceVersion"] = live.resource_version().into();

        match cluster.replace(target, &sent, &options).await {
            Ok(answer) => {
                let object = Box::new(answer.object);
                return (
                    Observed::Present(live),
                    Prediction::Target {
                        object,
                        bound: Vec::new(),
                    },
                );
            }
            // Nothing is wrong with the body: what was read is older than what is there.
            Err(error) if error.is_conflict() => match read(cluster, target).await {
                Ok(Observed::Present(now)) => live = now,
                Ok(gone) => return (gone, went_away()),
                Err(error) => {
                    return (
                        Observed::Present(live),
                        Prediction::NotChecked {
                            why: error.to_string(),
                        },
                    );
                }
            },
            Err(error) => return (Observed::Present(live), of_error(&error)),
        }
    }
    (Observed::Present(live), moves())
}

fn went_away() -> Prediction {
    Prediction::NotChecked {
        why: "deleted while being read".into(),
    }
}

fn moves() -> Prediction {
    Prediction::NotChecked {
        why: "changed with every read".into(),
    }
}

/// What an apply of `desired` onto `live` would give. Where a controller wrote in between, live is read again: the
/// answer holds the live object that the prediction is of.
pub async fn predict(
    cluster: &dyn Cluster,
    target: &Target,
    desired: &Object,
    live: Object,
) -> (Observed, Prediction) {
    let options = ApplyOptions {
        manager: FIELD_MANAGER.into(),
        force: true,
        dry_run: true,
        not_after: None,
    };

    let mut live = live;
    for again in 0..TRIES {
        // Its controller writes its status while it is rolled out: between two of them there is a pause.
        tokio::time::sleep(Duration::from_millis(40) * again).await;

        // An apply needs no version: the server merges into whatever is there.
        let predicted = match cluster.apply(target, desired.value(), &options).await {
            Ok(applied) => applied.object,
            Err(error) => return (Observed::Present(live), of_error(&error)),
        };

        // A dry run leaves the version as it is: the same one means that the answer is about the same object.
        if predicted.resource_version() == live.resource_version() && predicted.uid() == live.uid() {
            return (Observed::Present(live), Prediction::Would(Box::new(predicted)));
        }

        match read(cluster, target).await {
            Ok(Observed::Present(now)) => live = now,
            Ok(gone) => return (gone, went_away()),
            Err(error) => {
                return (
                    Observed::Present(live),
                    Prediction::NotChecked {
                        why: error.to_string(),
                    },
                );
            }
        }
    }
    (Observed::Present(live), moves())
}

fn of_error(error: &ApiError) -> Prediction {
    let (ApiError::Status { message, .. }, Some(refusal)) = (error, error.refusal()) else {
        return Prediction::NotChecked {
            why: error.to_string(),
        };
    };

    match refusal.by {
        RefusedBy::Authorization => Prediction::Forbidden,
        // Told as a missing right by its code, as long as it does not deny in the words of a webhook.
        RefusedBy::Policy if error.is_forbidden() => Prediction::Forbidden,
        // A webhook may deny because the request is dry, or not answer: what it would say of a real one is not
        // known.
        RefusedBy::Webhook | RefusedBy::WebhookWithEffects | RefusedBy::UnaskedWebhook => {
            Prediction::NotVerified { why: message.clone() }
        }
        _ => Prediction::Refused {
            why: message.clone(),
            fields: error.fields(),
        },
    }
}

/// What the server would make of desired where nothing is there: its defaults and what admission injects. The name of a
/// CRD or an APIService follows from its content, so that none can be had under another.
pub async fn fresh(cluster: &dyn Cluster, target: &Target, desired: &Object) -> Fresh {
    if matches!(&*target.resource.kind, "CustomResourceDefinition" | "APIService") {
        return Fresh::Unknown(Unknown::new("its name cannot be changed"));
    }

    let mut body = desired.clone();
    // What the object itself holds, no second one can be
    // given: the server would refuse the copy for that alone.
    drop_allocated(&mut body);
    let name = names::dry_run(&target.name);
    body.value_mut()["metadata"]["name"] = name.as_str().into();
    let target = Target {
        name,
        ..target.clone()
    };

    let options = WriteOptions {
        manager: FIELD_MANAGER.into(),
        dry_run: true,
        not_after: None,
    };

    match cluster.create(&target, body.value(), &options).await {
        Ok(applied) => Fresh::Object(Box::new(applied.object)),
        Err(error) => Fresh::Unknown(Unknown::new(error)),
    }
}
