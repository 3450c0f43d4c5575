//! The rows of the table, by whose they are and where they come from.

use super::Installer::{ArgoCd, Fleet, Flux, Helm, Kapp};
use super::List::{Annotations, Labels};
use super::{Installer, List, MANAGED_ALB_ANNOTATIONS, MANAGED_BY_ROLLOUTS, Mark, Writer};
use crate::model::names::{HELM_RELEASE_ANNOTATION, MANAGED_BY_LABEL};

const fn controller(kinds: &'static [&'static str], list: List, key: &'static str) -> Mark {
    Mark {
        writer: Writer::Controller,
        kinds,
        list,
        key,
        value: None,
        manager: None,
        names: None,
    }
}

const fn installer(installer: Installer, list: List, key: &'static str) -> Mark {
    Mark {
        writer: Writer::Installer(installer),
        kinds: &[],
        list,
        key,
        value: None,
        manager: None,
        names: None,
    }
}

const fn naming(mark: Mark, names: &'static str) -> Mark {
    Mark {
        names: Some(names),
        ..mark
    }
}

const ALL: &[&str] = &[];
const SERVICE: &[&str] = &["Service"];
const INGRESS: &[&str] = &["Ingress.networking.k8s.io"];
const ROLLOUT: &[&str] = &["Rollout.argoproj.io"];

/// The table. Each controller's rows name the file that writes them; Kubernetes' are of 1.37.
// What comes first names the installer: Flux installs charts through Helm, and what it installs carries the marks of both.
// A mark says whose an object is, and keeps nothing: what keeps it from being pruned is in `keep.rs`.
pub(super) const MARKS: &[Mark] = &[
    // pkg/controller/deployment/util/deployment_util.go
    controller(ALL, Annotations, "deployment.kubernetes.io/"),
    // api/apps/v1/types.go
    controller(ALL, Annotations, "deprecated.daemonset.template.generation"),
    // client-go/tools/leaderelection/resourcelock/interface.go
    controller(ALL, Annotations, "control-plane.alpha.kubernetes.io/leader"),
    // pkg/apis/autoscaling/annotations.go
    controller(ALL, Annotations, "autoscaling.alpha.kubernetes.io/"),
    // component-helpers/storage/volume/pv_helpers.go
    controller(ALL, Annotations, "pv.kubernetes.io/"),
    controller(ALL, Annotations, "volume.kubernetes.io/"),
    controller(ALL, Annotations, "volume.beta.kubernetes.io/storage-provisioner"),
    // argo-rollouts 1.10: utils/annotations/annotations.go
    controller(ROLLOUT, Annotations, "rollout.argoproj.io/revision"),
    controller(ROLLOUT, Annotations, "rollout.argoproj.io/workload-generation"),
    controller(ROLLOUT, Annotations, "notified.notifications.argoproj.io"),
    // argo-rollouts 1.10: rollout/service.go, rollout/trafficrouting/istio/istio.go, …/appmesh/appmesh.go
    controller(
        &[
            "Service",
            "DestinationRule.networking.istio.io",
            "VirtualNode.appmesh.k8s.aws",
            "VirtualRouter.appmesh.k8s.aws",
        ],
        Annotations,
        MANAGED_BY_ROLLOUTS,
    ),
    // argo-rollouts 1.10: utils/ingress/ingress.go
    controller(INGRESS, Annotations, "rollouts.argoproj.io/managed-alb-actions"),
    controller(INGRESS, Annotations, MANAGED_ALB_ANNOTATIONS),
    // keda 2.21: controllers/keda/scaledobject_controller.go
    controller(&["ScaledObject.keda.sh"], Labels, "scaledobject.keda.sh/name"),
    // ingress-gce: pkg/annotations/service.go
    controller(SERVICE, Annotations, "cloud.google.com/neg-status"),
    controller(SERVICE, Annotations, "service.kubernetes.io/tcp-forwarding-rule"),
    controller(
        SERVICE,
        Annotations,
        "service.kubernetes.io/tcp-forwarding-rule-ipv6",
    ),
    controller(SERVICE, Annotations, "service.kubernetes.io/udp-forwarding-rule"),
    controller(
        SERVICE,
        Annotations,
        "service.kubernetes.io/udp-forwarding-rule-ipv6",
    ),
    controller(SERVICE, Annotations, "service.kubernetes.io/l3-forwarding-rule"),
    controller(
        SERVICE,
        Annotations,
        "service.kubernetes.io/l3-forwarding-rule-ipv6",
    ),
    controller(SERVICE, Annotations, "service.kubernetes.io/backend-service"),
    controller(SERVICE, Annotations, "service.kubernetes.io/firewall-rule"),
    controller(SERVICE, Annotations, "service.kubernetes.io/firewall-rule-ipv6"),
    controller(SERVICE, Annotations, "service.kubernetes.io/healthcheck"),
    controller(SERVICE, Annotations, "service.kubernetes.io/firewall-rule-for-hc"),
    controller(
        SERVICE,
        Annotations,
        "service.kubernetes.io/firewall-rule-for-hc-ipv6",
    ),
    // ingress-gce: pkg/annotations/ingress.go
    controller(INGRESS, Annotations, "ingress.kubernetes.io/backends"),
    controller(INGRESS, Annotations, "ingress.kubernetes.io/url-map"),
    controller(INGRESS, Annotations, "ingress.kubernetes.io/forwarding-rule"),
    controller(
        INGRESS,
        Annotations,
        "ingress.kubernetes.io/https-forwarding-rule",
    ),
    controller(INGRESS, Annotations, "ingress.kubernetes.io/target-proxy"),
    controller(INGRESS, Annotations, "ingress.kubernetes.io/https-target-proxy"),
    controller(INGRESS, Annotations, "ingress.kubernetes.io/ssl-cert"),
    controller(INGRESS, Annotations, "ingress.kubernetes.io/static-ip"),
    controller(INGRESS, Annotations, "ingress.gcp.kubernetes.io/instance-groups"),
    // cloud-provider-openstack: pkg/openstack/loadbalancer.go
    controller(
        SERVICE,
        Annotations,
        "loadbalancer.openstack.org/load-balancer-id",
    ),
    controller(
        SERVICE,
        Annotations,
        "loadbalancer.openstack.org/load-balancer-address",
    ),
    // digitalocean-cloud-controller-manager: cloud-controller-manager/do/loadbalancers.go
    controller(
        SERVICE,
        Annotations,
        "kubernetes.digitalocean.com/load-balancer-id",
    ),
    // metallb 0.16: controller/service.go
    controller(SERVICE, Annotations, "metallb.io/ip-allocated-from-pool"),
    controller(SERVICE, Annotations, "metallb.universe.tf/ip-allocated-from-pool"),
    // aws-load-balancer-controller: pkg/annotations/constants.go
    controller(
        &["TargetGroupBinding.elbv2.k8s.aws"],
        Annotations,
        "elbv2.k8s.aws/checkpoint",
    ),
    controller(
        &["TargetGroupBinding.elbv2.k8s.aws"],
        Annotations,
        "elbv2.k8s.aws/checkpoint-timestamp",
    ),
    naming(
        installer(ArgoCd, Annotations, "argocd.argoproj.io/tracking-id"),
        "application",
    ),
    installer(ArgoCd, Annotations, "argocd.argoproj.io/installation-id"),
    Mark {
        // argo-cd: util/argo/resource_tracking.go; charts set the same label.
        manager: Some("argocd-"),
        ..installer(ArgoCd, Labels, "app.kubernetes.io/instance")
    },
    naming(
        installer(Flux, Labels, "kustomize.toolkit.fluxcd.io/name"),
        "Kustomization",
    ),
    installer(Flux, Labels, "kustomize.toolkit.fluxcd.io/namespace"),
    naming(
        installer(Flux, Labels, "helm.toolkit.fluxcd.io/name"),
        "HelmRelease",
    ),
    installer(Flux, Labels, "helm.toolkit.fluxcd.io/namespace"),
    naming(installer(Helm, Annotations, HELM_RELEASE_ANNOTATION), "release"),
    installer(Helm, Annotations, "meta.helm.sh/release-namespace"),
    Mark {
        // Others put their own names there.
        value: Some("Helm"),
        ..installer(Helm, Labels, MANAGED_BY_LABEL)
    },
    installer(Kapp, Labels, "kapp.k14s.io/app"),
    installer(Kapp, Labels, "kapp.k14s.io/association"),
    installer(Kapp, Annotations, "kapp.k14s.io/identity"),
    installer(Kapp, Annotations, "kapp.k14s.io/original"),
    installer(Kapp, Annotations, "kapp.k14s.io/original-diff-md5"),
    installer(Fleet, Labels, "objectset.rio.cattle.io/hash"),
    installer(Fleet, Annotations, "objectset.rio.cattle.io/"),
];
