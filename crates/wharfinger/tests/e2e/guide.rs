//! The published guide's own examples, with host, token and digest filled in.

use serde_json::{Value, json};

use crate::support::{Answer, Image, Server, each_engine};

const REPOSITORY: &str = "quayadmin/busybox";

/// What every example of the guide sends.
fn example(server: &Server, token: &str, method: &str, rest: &str, body: Option<Value>) -> Answer {
    let call = server.call(method, &format!("/api/v1/repository/{REPOSITORY}/{rest}"));
    let call = call.header("Authorization", &format!("Bearer {token}")).header("Accept", "application/json");
    match body {
        // The guide's header has nothing behind the type, and its bodies have blanks and line breaks.
        Some(body) => {
            let text = serde_json::to_string_pretty(&body).unwrap();
            call.body("application/json", text).send()
        }
        None => call.send(),
    }
}

#[test]
fn every_example_of_the_guide_answers_as_it_says() {
    each_engine(|server| {
        server.add_user("quayadmin");
        server.create_repository(REPOSITORY, "private");
        let (image, other) = (Image::of("busybox"), Image::of("busybox, later"));
        server.push(REPOSITORY, "latest", &image);
        server.push(REPOSITORY, "test", &other);
        let writer = server.token("quayadmin", "repo:write");
        let reader = server.token("quayadmin", "repo:read");
        let send = |token: &str, method, rest: &str, body| example(&server, token, method, rest, body);

        // 24.2 changeTag, on a new and on an existing tag.
        let frozen = json!({"manifest_digest": image.digest(), "immutable": true});
        for tag in ["new", "test"] {
            send(&writer, "PUT", &format!("tag/{tag}"), Some(frozen.clone())).is(201, json!("Updated"));
            let newest = &server.history(REPOSITORY, tag)[0];
            assert_eq!(
                (&newest["manifest_digest"], &newest["immutable"]),
                (&json!(image.digest()), &json!(true))
            );
        }
        // 24.3 deleteFullTag
        send(&writer, "DELETE", "tag/latest", None).is_empty(204);
        // 24.1 restoreTag
        let restored = json!({"manifest_digest": image.digest()});
        send(&writer, "POST", "tag/latest/restore", Some(restored)).is(201, json!({}));
        // 24.4 listRepoTags
        let listed = send(&reader, "GET", "tag/", None);
        assert_eq!(listed.status, 200, "{listed:?}");
        assert_eq!(listed.json()["tags"].as_array().unwrap().len(), 5);
        let listed =
            send(&reader, "GET", "tag/?onlyActiveTags=true&page=1&limit=10&filter_tag_name=like:e", None);
        assert_eq!(listed.json()["tags"].as_array().unwrap().len(), 3);
        // 24.5 getTagPullStatistics
        let never = json!({
            "tag_name": "latest", "tag_pull_count": 0, "last_tag_pull_date": null,
            "current_manifest_digest": image.digest(), "manifest_pull_count": 0, "last_manifest_pull_date": null,
        });
        send(&reader, "GET", "tag/latest/pull_statistics", None).is(200, never);
        // 24.6 getManifestPullStatistics
        let rest = format!("manifest/{}/pull_statistics", image.digest());
        let never = json!({"manifest_digest": image.digest(), "manifest_pull_count": 0, "last_manifest_pull_date": null});
        send(&reader, "GET", &rest, None).is(200, never);
    });
}
