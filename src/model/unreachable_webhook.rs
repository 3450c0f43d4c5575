//! A webhook that did not answer, as a rejection of the server names it.
//!
//! Such a rejection says nothing of the object: whether the plan brings the webhook back decides what it means. The words
//! are those of the server's webhook client, for admission and for conversion. It never names the configuration that holds
//! the webhook: that is found by the webhook's name.

use std::fmt;

/// A webhook that did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreachableWebhook {
    /// Its name in its configuration; of a conversion the kind, as the server writes it.
    pub name: String,
    /// The Service in front of it; none where it is called by a URL.
    pub service: Option<WebhookService>,
    /// Whether it converts custom resources between versions, and is named by their definition.
    pub converts: bool,
}

/// The Service in front of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookService {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for UnreachableWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.converts {
            "conversion webhook for"
        } else {
            "webhook"
        };
        write!(f, "{what} {}", self.name)
    }
}

impl UnreachableWebhook {
    /// The webhook that a rejection names as not answering.
    pub fn parse(message: &str) -> Option<Self> {
        // A webhook that denies has answered: its words are others.
        let called = message
            .split_once("failed calling webhook \"")
            .and_then(|(_, rest)| rest.split_once('"'));

        // Conversion is called beside admission, and its error names the kind and no webhook.
        let converting = || {
            message
                .split_once("conversion webhook for ")?
                .1
                .split_once(" failed: ")
        };

        let converts = called.is_none();
        let (name, rest) = called.or_else(converting)?;

        let host = rest
            .split_once("https://")
            .map(|(_, url)| url.split(['/', ':', '?']).next().unwrap_or(url));
        // The server calls a Service by its cluster name: `NAME.NAMESPACE.svc`.
        let service = host.and_then(|host| {
            let mut parts = host.split('.');
            let (name, namespace, svc) = (parts.next()?, parts.next()?, parts.next()?);
            (svc == "svc").then(|| WebhookService {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            })
        });

        Some(Self {
            name: name.to_owned(),
            service,
            converts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook() -> WebhookService {
        WebhookService {
            namespace: "shop".into(),
            name: "hook".into(),
        }
    }

    #[test]
    fn a_webhook_that_does_not_answer_is_known_by_its_name_and_its_service() {
        let message = r#"Internal error occurred: failed calling webhook "hook.shop.example": failed to call webhook: Post "https://hook.shop.svc:443/?timeout=2s": no endpoints available for service "hook""#;
        assert_eq!(
            UnreachableWebhook::parse(message),
            Some(UnreachableWebhook {
                name: "hook.shop.example".into(),
                service: Some(hook()),
                converts: false
            })
        );

        let by_url =
            r#"failed calling webhook "a.b.c": failed to call webhook: Post "https://hooks.example.com/x""#;
        assert_eq!(UnreachableWebhook::parse(by_url).unwrap().service, None);

        let converting = r#"conversion webhook for shop.example/v1, Kind=Widget failed: Post "https://hook.shop.svc:443/convert?timeout=30s": service "hook" not found"#;
        let converting = UnreachableWebhook::parse(converting).unwrap();
        assert_eq!((converting.service, converting.converts), (Some(hook()), true));

        // It answered.
        assert_eq!(
            UnreachableWebhook::parse("admission webhook \"x\" denied the request"),
            None
        );
    }
}
