//! A comparison as a comment on a pull or merge request, against a forge that is played.

use crate::forge::{Asked, Forge};
use crate::harness::{Ran, Run};
use crate::{says, script};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const TOKEN: &str = "token-of-this-test";
const PAGE: &str =
    "<!-- kubectl-delivery: diff shop -n shop -->\n### 1 object differs\n\n\"quoted\" \\ and $(not run)\n";

/// What a run of the script had for its page.
fn comment(forge: &Forge, folder: &Path, system: &[(&str, String)], page: &str) -> Ran {
    let file = folder.join("page.md");
    std::fs::write(&file, page).unwrap();
    let mut command: Command = script("actions/scripts/comment.sh");
    command.arg(&file).env("API", &forge.url);
    command
        .envs(system.iter().map(|(name, value)| (*name, value.as_str())))
        .run()
}

fn github(forge: &Forge, folder: &Path) -> Vec<(&'static str, String)> {
    let event = folder.join("event.json");
    std::fs::write(&event, json!({"pull_request": {"number": 7}}).to_string()).unwrap();
    vec![
        ("GITHUB_EVENT_PATH", event.display().to_string()),
        ("GITHUB_API_URL", forge.url.clone()),
        ("GITHUB_REPOSITORY", "acme/shop".into()),
        ("GITHUB_TOKEN", TOKEN.into()),
    ]
}

fn gitlab(forge: &Forge) -> Vec<(&'static str, String)> {
    vec![
        ("GITLAB_CI", "true".into()),
        ("CI_MERGE_REQUEST_IID", "7".into()),
        ("CI_API_V4_URL", forge.url.clone()),
        ("CI_PROJECT_ID", "5".into()),
        ("GITLAB_TOKEN", TOKEN.into()),
    ]
}

/// A forge with these comments, which accepts what is written.
fn holding(comments: Value) -> Forge {
    Forge::start(move |asked| answer(asked, &comments))
}

fn answer(asked: &Asked, comments: &Value) -> (u16, Vec<u8>) {
    let body = match asked.line.as_str() {
        "GET /user" => json!({"id": 3, "username": "project_5_bot"}),
        line if line.starts_with("GET ") => {
            let all = comments.as_array().unwrap();
            let page: usize = line.rsplit("&page=").next().unwrap().parse().unwrap();
            json!(all.chunks(100).nth(page - 1).unwrap_or_default())
        }
        _ => json!({"id": 99}),
    };
    (
        if asked.line.starts_with("POST") { 201 } else { 200 },
        body.to_string().into_bytes(),
    )
}

fn body_of(asked: &Asked) -> String {
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    body["body"].as_str().unwrap().to_owned()
}

#[test]
fn the_first_comparison_is_a_new_comment_with_the_very_text() {
    let folder = tempfile::tempdir().unwrap();
    let forge =
        holding(json!([{"id": 1, "body": "looks good", "user": {"type": "User"}, "author": {"id": 1}}]));
    for (system, line) in [
        (
            github(&forge, folder.path()),
            "POST /repos/acme/shop/issues/7/comments",
        ),
        (gitlab(&forge), "POST /projects/5/merge_requests/7/notes"),
    ] {
        comment(&forge, folder.path(), &system, PAGE).exits(0);
        let written = forge.writes().pop().unwrap();
        assert_eq!(written.line, line);
        assert_eq!(body_of(&written), PAGE);
        assert!(written.headers.contains(TOKEN), "{}", written.headers);
    }
}

#[test]
fn a_comment_of_ours_is_replaced_also_behind_the_first_hundred() {
    let folder = tempfile::tempdir().unwrap();
    let mut comments: Vec<Value> = (0..130)
        .map(|id| json!({"id": id, "body": null, "user": {"type": "User"}, "author": {"id": 1}}))
        .collect();
    comments.push(json!({"id": 555, "body": "<!-- kubectl-delivery: diff shop -n shop -->\r\nold", "user": {"type": "Bot"}, "author": {"id": 3}}));
    let forge = holding(json!(comments));
    comment(&forge, folder.path(), &github(&forge, folder.path()), PAGE).exits(0);
    comment(&forge, folder.path(), &gitlab(&forge), PAGE).exits(0);
    let lines: Vec<String> = forge.writes().into_iter().map(|asked| asked.line).collect();
    assert_eq!(
        lines,
        [
            "PATCH /repos/acme/shop/issues/comments/555",
            "PUT /projects/5/merge_requests/7/notes/555"
        ]
    );
}

#[test]
fn a_comment_of_another_user_that_begins_alike_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let forge = holding(json!([{"id": 1, "body": PAGE, "user": {"type": "User"}, "author": {"id": 4}}]));
    comment(&forge, folder.path(), &github(&forge, folder.path()), PAGE).exits(0);
    comment(&forge, folder.path(), &gitlab(&forge), PAGE).exits(0);
    assert!(forge.writes().iter().all(|asked| asked.line.starts_with("POST ")));
}

#[test]
fn the_token_is_in_no_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let forge = holding(json!([]));
    let bin = folder.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let seen = folder.path().join("seen");
    crate::play(
        &bin,
        "curl",
        &format!("echo \"$*\" >>{}\nexec /usr/bin/curl \"$@\"", seen.display()),
    );
    let mut system = github(&forge, folder.path());
    system.push(("PATH", crate::path_with(&bin)));
    comment(&forge, folder.path(), &system, PAGE).exits(0);
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.contains("--config -") && !seen.contains(TOKEN), "{seen}");
}

#[test]
fn without_a_pull_request_or_the_permission_the_job_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let forge = holding(json!([]));
    let mut system = github(&forge, folder.path());
    std::fs::write(
        folder.path().join("event.json"),
        json!({"ref": "refs/heads/main"}).to_string(),
    )
    .unwrap();
    says(
        &comment(&forge, folder.path(), &system, PAGE).exits(0),
        "no pull request",
    );
    assert!(forge.asked().is_empty());

    // From a fork the token may read and not write.
    let readonly = Forge::start(|asked| match asked.line.starts_with("GET") {
        true => (200, b"[]".to_vec()),
        false => (403, b"{}".to_vec()),
    });
    system = github(&readonly, folder.path());
    says(
        &comment(&readonly, folder.path(), &system, PAGE).exits(0),
        "missing permission (status 403)",
    );

    system = gitlab(&forge);
    system.retain(|(name, _)| *name != "CI_MERGE_REQUEST_IID");
    says(
        &comment(&forge, folder.path(), &system, PAGE).exits(0),
        "no merge request",
    );
}

#[test]
fn what_cannot_be_read_or_written_fails_with_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let broken = Forge::start(|_| (500, b"{}".to_vec()));
    let ran = comment(&broken, folder.path(), &github(&broken, folder.path()), PAGE).exits(2);
    says(&ran, "cannot read the comments of request 7: status 500");
    assert!(
        broken.writes().is_empty(),
        "a second comment would be made each time"
    );

    let forge = holding(json!([]));
    let mut system = gitlab(&forge);
    system.retain(|(name, _)| *name != "GITLAB_TOKEN");
    says(
        &comment(&forge, folder.path(), &system, PAGE).exits(2),
        "needs GITLAB_TOKEN",
    );
    says(
        &comment(&forge, folder.path(), &gitlab(&forge), "hello\n").exits(2),
        "does not begin as a comparison does",
    );
}
