//! Lists page by page, to an end.

use super::{ApiError, Cluster, ListRequest};
use crate::model::Object;
use std::time::Duration;
use tokio::time::Instant;

/// Pages of one list: a million objects, where each page is full.
const MOST: usize = 4000;
/// How long one list may take: a server keeps the version that its pages are of for some five minutes.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// Everything that a list holds, each page reduced as it arrives.
pub async fn paged<T>(
    cluster: &dyn Cluster,
    mut request: ListRequest,
    reduce: impl Fn(Object) -> T,
) -> Result<Vec<T>, ApiError> {
    let mut found = Vec::new();
    let mut pages = Pages::default();

    loop {
        // An error on any page is one of the whole list: half a list would look like all there is.
        let page = cluster.list(&request).await?;
        found.extend(page.items.into_iter().map(&reduce));
        if !pages.go_on(&mut request, page.continue_from)? {
            return Ok(found);
        }
    }
}

/// How far a list has come: one whose server names a further page each time has no end.
pub struct Pages {
    until: Instant,
    count: usize,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            until: Instant::now() + LONGEST,
            count: 0,
        }
    }
}

impl Pages {
    /// Has the request ask for the next page; false after the last one.
    pub fn go_on(&mut self, request: &mut ListRequest, next: Option<String>) -> Result<bool, ApiError> {
        let Some(next) = next else { return Ok(false) };

        self.count += 1;
        let why = match () {
            // A server or a proxy that passes over the token would be asked for ever.
            () if request.continue_from.as_ref() == Some(&next) => {
                "the same page was returned again".to_owned()
            }
            () if self.count >= MOST => format!("more than {MOST} pages"),
            // Each page in time, and never the last one: a request's own limit does not end this.
            () if Instant::now() >= self.until => {
                format!("not finished after {}m", LONGEST.as_secs() / 60)
            }
            () => {
                request.continue_from = Some(next);
                return Ok(true);
            }
        };

        Err(ApiError::Endless {
            resource: request.resource.plural.clone(),
            why,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::kinds::built_in;

    #[test]
    fn a_list_ends_with_an_error_where_its_pages_repeat_or_do_not_end() {
        let mut request = ListRequest::all(&built_in("", "Pod").unwrap(), Some("shop"));
        let mut pages = Pages::default();

        assert_eq!(pages.go_on(&mut request, None), Ok(false));
        assert_eq!(pages.go_on(&mut request, Some("a".into())), Ok(true));

        let again = pages
            .go_on(&mut request, Some("a".into()))
            .unwrap_err()
            .to_string();
        assert_eq!(
            again,
            "the list of pods does not end: the same page was returned again"
        );

        let mut pages = Pages::default();

        // Each token is a new one here, so that nothing but the number ends it.
        let ended = (0..10_000).find_map(|n| pages.go_on(&mut request, Some(n.to_string())).err());
        assert!(ended.unwrap().to_string().contains("more than 4000 pages"));

        let mut pages = Pages {
            until: Instant::now(),
            count: 0,
        };

        let late = pages
            .go_on(&mut request, Some("b".into()))
            .unwrap_err()
            .to_string();
        assert!(late.contains("not finished after 10m"), "{late}");
    }
}
