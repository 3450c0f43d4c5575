//! Rights, names and impersonation.

use super::{kind, map, namespace};
use crate::harness::TestCluster;
use kubectl_delivery::testing::cluster::{AccessReview, ConnectionOptions, ListRequest, connect};

#[tokio::test]
async fn rights_and_the_own_name_are_asked_of_the_server() {
    let namespace = namespace();
    let cluster = TestCluster::get();
    let user = namespace
        .user("reader")
        .may(&["get", "list"], "apps", &["deployments"])
        .ready();
    let client = cluster.connect_with(&user.kubeconfig()).await;
    let review = |verb: &str| AccessReview {
        verb: verb.into(),
        group: "apps".into(),
        resource: "deployments".into(),
        subresource: String::new(),
        namespace: Some(namespace.name().into()),
        name: String::new(),
    };
    assert_eq!(client.may(&review("list")).await, Ok(true));
    assert_eq!(client.may(&review("patch")).await, Ok(false));
    assert_eq!(
        client.whoami().await,
        Ok(format!("system:serviceaccount:{}:reader", namespace.name()))
    );
    assert_eq!(client.default_namespace(), namespace.name());
    let error = client.get(&map(&namespace, "a")).await.unwrap_err();
    assert!(error.is_forbidden(), "{error}");
}

#[tokio::test]
async fn another_user_can_be_impersonated_with_groups_and_uid() {
    let options = ConnectionOptions {
        kubeconfig: Some(TestCluster::get().kubeconfig.clone()),
        impersonate: Some("jane".into()),
        impersonate_groups: vec!["system:masters".into(), "team".into()],
        impersonate_uid: Some("42".into()),
        ..Default::default()
    };
    let client = connect(&options).await.unwrap();
    assert_eq!(client.whoami().await.as_deref(), Ok("jane"));
    let namespaces = client
        .list(&ListRequest::all(&kind("", "Namespace"), None))
        .await
        .unwrap();
    assert!(
        namespaces
            .items
            .iter()
            .any(|namespace| namespace.name() == "default")
    );
    let powerless = ConnectionOptions {
        impersonate_groups: Vec::new(),
        impersonate_uid: None,
        ..options
    };
    let client = connect(&powerless).await.unwrap();
    assert!(
        client
            .list(&ListRequest::all(&kind("", "Secret"), None))
            .await
            .unwrap_err()
            .is_forbidden()
    );
}
