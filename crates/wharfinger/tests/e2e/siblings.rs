//! Cosign's tags for an image: they go with the last ordinary tag that points at it.

use serde_json::json;
use wharfinger_model::Digest;

use crate::support::{Image, Server, each_engine};

const REPOSITORY: &str = "admin/app";

/// The names of an image's signature, attestation and bill of materials.
fn siblings(image: &str) -> [String; 3] {
    let stem = image.replace(':', "-");
    ["sig", "att", "sbom"].map(|ending| format!("{stem}.{ending}"))
}

/// Pushes an image under two tags, with its siblings.
fn signed(server: &Server) -> (String, [String; 3]) {
    let digest = server.push(REPOSITORY, "v1", &Image::of("image"));
    server.changes(REPOSITORY, "latest", &json!({"manifest_digest": digest}));
    let siblings = siblings(&digest);
    for sibling in &siblings {
        server.push(REPOSITORY, sibling, &Image::of(sibling));
    }
    (digest, siblings)
}

fn alive(server: &Server) -> Vec<String> {
    let mut names = server.names(REPOSITORY, "?onlyActiveTags=true&limit=100");
    names.sort();
    names
}

#[test]
fn siblings_go_with_the_last_tag_of_their_image_by_whatever_door_it_goes() {
    each_engine(|server| {
        let token = server.push_token(REPOSITORY);
        let other = server.push(REPOSITORY, "other", &Image::of("other"));
        for door in ["delete", "move", "push", "v2", "digest", "restore"] {
            let (digest, siblings) = signed(&server);
            assert_eq!(server.delete_tag(REPOSITORY, "latest").status, 204);
            assert!(siblings.iter().all(|sibling| alive(&server).contains(sibling)), "one tag is left");
            match door {
                "delete" => assert_eq!(server.delete_tag(REPOSITORY, "v1").status, 204),
                "move" => server.changes(REPOSITORY, "v1", &json!({"manifest_digest": other})),
                "push" => drop(server.push(REPOSITORY, "v1", &Image::of("other"))),
                "restore" => assert_eq!(server.restore(REPOSITORY, "v1", &other).status, 201),
                "v2" => server.v2(&token, "DELETE", REPOSITORY, "manifests/v1").send().is_empty(202),
                _ => server
                    .v2(&token, "DELETE", REPOSITORY, &format!("manifests/{digest}"))
                    .send()
                    .is_empty(202),
            }
            assert!(!siblings.iter().any(|sibling| alive(&server).contains(sibling)), "{door}");
            // They are ended like every tag: with a history, and what they pointed at can be restored.
            assert!(server.history(REPOSITORY, &siblings[0])[0]["end_ts"].is_i64());
        }
    });
}

#[test]
fn siblings_stay_while_the_image_has_a_tag_and_go_alone_when_they_go() {
    each_engine(|server| {
        let (digest, siblings) = signed(&server);
        // The same image again is no departure.
        server.changes(REPOSITORY, "v1", &json!({"manifest_digest": digest}));
        server.push(REPOSITORY, "latest", &Image::of("image"));
        assert!(siblings.iter().all(|sibling| alive(&server).contains(sibling)));
        assert_eq!(server.delete_tag(REPOSITORY, &siblings[1]).status, 204);
        assert_eq!(alive(&server).len(), 4);
        // What nobody may delete stays.
        server.changes(REPOSITORY, &siblings[0], &json!({"immutable": true}));
        for tag in ["v1", "latest"] {
            assert_eq!(server.delete_tag(REPOSITORY, tag).status, 204);
        }
        assert_eq!(alive(&server), [siblings[0].clone()]);
    });
}

#[test]
fn names_that_only_look_like_it_are_tags_like_others() {
    each_engine(|server| {
        let (digest, _) = signed(&server);
        let hex = digest.strip_prefix("sha256:").unwrap();
        let looks =
            [format!("sha256-{hex}"), format!("sha256-{hex}.txt"), format!("sha256-{}.sig", &hex[1..])];
        for name in &looks {
            server.push(REPOSITORY, name, &Image::of("looks"));
        }
        let foreign = siblings(Digest::sha256(b"foreign").as_str());
        server.push(REPOSITORY, &foreign[0], &Image::of("foreign"));
        for tag in ["v1", "latest"] {
            assert_eq!(server.delete_tag(REPOSITORY, tag).status, 204);
        }
        let mut left = looks.to_vec();
        left.push(foreign[0].clone());
        left.sort();
        assert_eq!(alive(&server), left);
    });
}
