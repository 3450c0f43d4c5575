//! What the tests against a cluster reach of the library, under the paths that it has there. Nothing else is public:
//! whatever the program does not use is found by the compiler.

pub mod cluster {
    pub use crate::cluster::{
        AccessReview, ApiError, ApplyOptions, Cluster, ConnectionOptions, DeleteOptions, Deleted, Discovered,
        ListRequest, LogRequest, WatchEvent, WatchRequest, WriteOptions, connect, kubeconfig_names, paged,
    };
}
pub mod compare {
    pub use crate::compare::{ComputedApply, Rules, Sides, check_expressions, compute_apply};
}
pub mod load {
    pub use crate::load::{
        HelmPlace, documents, environment, helm_release, junit, parse_release, release, to_yaml, typed_json,
    };
}
pub mod model {
    pub use crate::model::{
        FieldPath, Gvk, Object, ObjectId, Operation, ResourceType, Sha256Digest, StepId, Target, Uid,
    };
    pub mod bundle {
        pub use crate::model::bundle::{PartBundle, compress, decompress, pack, unpack};
    }
    pub mod environment {
        pub use crate::model::environment::{HealthCheck, PrometheusGate};
    }
    pub mod event {
        pub use crate::model::event::{Event, EventSink};
    }
    pub mod finding {
        pub use crate::model::finding::Comparison;
    }
    pub mod format {
        pub use crate::model::format::FormatVersion;
    }
    pub mod image {
        pub use crate::model::image::ImageReference;
    }
    pub mod inventory {
        pub use crate::model::inventory::{HistoryEntry, Inventory, Record};
    }
    pub mod journal {
        pub use crate::model::journal::{
            Failure, Head, HistoryOutcome, Journal, JournalPhase, Parts, StepPart, StepProgress, StepState,
            UndoState,
        };
    }
    pub mod k8s {
        pub mod kinds {
            pub use crate::model::k8s::kinds::{built_in, well_known};
        }
        pub mod pod {
            pub use crate::model::k8s::pod::{ContainerState, PodFacts};
        }
        pub mod marks {
            pub use crate::model::k8s::marks::is_controllers_annotation;
        }
    }
    pub mod moves {
        pub use crate::model::moves::ReleaseRef;
    }
    pub mod names {
        pub use crate::model::names::{FIELD_MANAGER, RESTART_ANNOTATION, applyset_id, inventory};
    }
    pub mod occurrence {
        pub use crate::model::occurrence::Occurrence;
    }
    pub mod plan {
        pub use crate::model::plan::{Action, Plan, Propagation};
    }
    pub mod preflight {
        pub use crate::model::preflight::Permission;
    }
    pub mod release {
        pub use crate::model::release::RecordedImage;
    }
    pub mod schema {
        pub use crate::model::schema::{environment, release};
    }
    pub mod seal {
        pub use crate::model::seal::{Found, Integrity, Role, Seal, Sealed, check_integrity, seal_of};
    }
    pub mod snapshot {
        pub use crate::model::snapshot::{Observed, Prediction};
    }
    pub mod state_key {
        pub use crate::model::state_key::{BoundKey, StateKey};
    }
    pub mod verb {
        pub use crate::model::verb::Verb;
    }
    pub mod verdict {
        pub use crate::model::verdict::{Cause, CauseKind, Health};
    }
}
pub mod monitor {
    pub use crate::monitor::{
        GateCheck, MonitorContext, MonitorWrite, ReadyGate, Rollout, StopReason, Stopped, Watched, Watching,
        WatchingOptions, WriteAnswer, collect_diagnostics,
    };
    pub mod follow {
        pub use crate::monitor::follow::Follow;
    }
}
pub mod objects {
    pub use crate::objects::{content_hash, differing};
}
pub mod observe {
    pub mod held {
        pub use crate::observe::held::{Collections, HeldCluster, HeldObject, Reach, ReadState};
    }
    pub use crate::observe::predict;
    pub mod release_state {
        pub use crate::observe::release_state::{parse_head, parse_inventory};
    }
    pub mod sealing {
        pub use crate::observe::sealing::parse_seal;
    }
    pub mod watch {
        pub use crate::observe::watch::{Collection, WatchStore};
    }
}
pub mod preflight {
    pub use crate::preflight::questions;
}
pub mod registry {
    pub use crate::registry::RegistryOptions;
    pub mod artifact {
        pub use crate::registry::artifact::{Location, pull};
    }
}
pub mod rollout {
    pub use crate::rollout::{
        Assessment, Baseline, Memory, MonitoredObject, RolloutContext, RolloutPolicy, assess, wants_pods,
        written_at,
    };
}
pub mod signing {
    pub use crate::signing::parse_attestation;
}
pub mod usecase {
    pub mod schema {
        pub use crate::usecase::schema::documents;
    }
}
