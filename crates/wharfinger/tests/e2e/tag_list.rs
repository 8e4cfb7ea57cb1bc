//! `listRepoTags`: what an entry says, which entries a page has, and in which order.

use serde_json::{Value, json};

use crate::support::{Engine, Image, Server, date, each_engine, now_s, tag_path, tick};

const REPOSITORY: &str = "admin/app";

/// The one entry of a tag.
#[track_caller]
fn entry(server: &Server, tag: &str) -> Value {
    let mut history = server.history(REPOSITORY, tag);
    assert_eq!(history.len(), 1, "{history:?}");
    history.remove(0)
}

#[test]
fn an_image_and_an_index_are_listed_with_exactly_their_members() {
    each_engine(|server| {
        let (first, second) = (Image::of("first"), Image::of("second, which is longer"));
        let before = now_s();
        server.push(REPOSITORY, "first", &first);
        tick();
        server.push(REPOSITORY, &second.digest(), &second);
        let index = Image::index(&[&first, &second, &first]);
        server.push(REPOSITORY, "multi", &index);
        let page = server.ask_list(REPOSITORY, "");

        let starts = [0, 1].map(|at| page.json()["tags"][at]["start_ts"].clone());
        for start in &starts {
            assert!((before..=now_s()).contains(&start.as_i64().unwrap()), "{start}");
        }
        let presence = json!({first.digest(): true, second.digest(): true});
        page.is(
            200,
            json!({"tags": [
                {
                    "name": "multi", "reversion": false, "immutable": false, "start_ts": starts[0],
                    "manifest_digest": index.digest(), "is_manifest_list": true, "size": null,
                    "last_modified": date(&starts[0]), "is_sparse": false, "child_manifest_count": 3,
                    "present_child_count": 3, "child_manifests_presence": presence,
                },
                {
                    "name": "first", "reversion": false, "immutable": false, "start_ts": starts[1],
                    "manifest_digest": first.digest(), "is_manifest_list": false, "size": first.layers_size(),
                    "last_modified": date(&starts[1]),
                },
            ], "page": 1, "has_additional": false}),
        );
    });
}

#[test]
fn an_index_of_nothing_and_one_that_lost_a_child_say_so() {
    let server = Server::start(Engine::Sqlite);
    let (kept, lost) = (Image::of("kept"), Image::of("lost"));
    server.push(REPOSITORY, "kept", &kept);
    server.push(REPOSITORY, "lost", &lost);
    server.push(REPOSITORY, "nothing", &Image::index(&[]));
    let nothing = entry(&server, "nothing");
    assert_eq!(
        (&nothing["is_sparse"], &nothing["child_manifest_count"], &nothing["present_child_count"]),
        (&json!(false), &json!(0), &json!(0))
    );
    assert_eq!((&nothing["child_manifests_presence"], &nothing["size"]), (&json!({}), &json!(null)));

    server.push(REPOSITORY, "multi", &Image::index(&[&kept, &lost]));
    assert_eq!(server.delete_tag(REPOSITORY, "multi").status, 204);
    let token = server.push_token(REPOSITORY);
    server.v2(&token, "DELETE", REPOSITORY, &format!("manifests/{}", lost.digest())).send().is_empty(202);
    let multi = entry(&server, "multi");
    assert_eq!(
        (&multi["is_sparse"], &multi["child_manifest_count"], &multi["present_child_count"]),
        (&json!(true), &json!(2), &json!(1))
    );
    assert_eq!(multi["child_manifests_presence"], json!({kept.digest(): true, lost.digest(): false}));
}

#[test]
fn a_history_has_every_lifetime_and_the_next_begins_where_the_last_ended() {
    each_engine(|server| {
        let (old, new) = (Image::of("old"), Image::of("new"));
        for image in [&old, &old, &new] {
            tick();
            server.push(REPOSITORY, "v1", image);
        }
        tick();
        assert_eq!(server.delete_tag(REPOSITORY, "v1").status, 204);
        tick();
        server.restore(REPOSITORY, "v1", &old.digest()).is(201, json!({}));

        let history = server.history(REPOSITORY, "v1");
        let digests: Vec<_> = history.iter().map(|lifetime| lifetime["manifest_digest"].clone()).collect();
        assert_eq!(json!(digests), json!([old.digest(), new.digest(), old.digest(), old.digest()]));
        let reversions: Vec<_> = history.iter().map(|lifetime| lifetime["reversion"].clone()).collect();
        assert_eq!(json!(reversions), json!([true, false, false, false]));
        assert_eq!((history[0].get("end_ts"), history[0].get("expiration")), (None, None));
        for dead in &history[1..] {
            assert_eq!(dead["expiration"], date(&dead["end_ts"]), "{dead}");
        }
        for pair in history[1..].windows(2) {
            assert_eq!(pair[0]["start_ts"], pair[1]["end_ts"]);
        }
        assert!(history[1]["end_ts"].as_i64() <= history[0]["start_ts"].as_i64());
    });
}

#[test]
fn pages_follow_each_other_and_numbers_are_brought_into_their_range() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "t0", &Image::of("any"));
        for tag in ["t1", "t2", "t3", "t4"] {
            tick();
            server.changes(REPOSITORY, tag, &json!({"manifest_digest": digest}));
        }
        for (query, names, page, more) in [
            ("", "t4 t3 t2 t1 t0", 1, false),
            ("?limit=2", "t4 t3", 1, true),
            ("?limit=2&page=2", "t2 t1", 2, true),
            ("?limit=2&page=3", "t0", 3, false),
            ("?limit=5", "t4 t3 t2 t1 t0", 1, false),
            ("?limit=2&page=4", "", 4, false),
            ("?limit=0", "t4", 1, true),
            ("?limit=-7&page=-1", "t4", 1, true),
            ("?limit=1000&page=0", "t4 t3 t2 t1 t0", 1, false),
            ("?limit=%20%2B3%20&page=%202", "t1 t0", 2, false),
            ("?limit=2&limit=4", "t4 t3", 1, true),
            ("?unknown=x", "t4 t3 t2 t1 t0", 1, false),
        ] {
            let listed = server.list(REPOSITORY, query);
            assert_eq!(server.names(REPOSITORY, query).join(" "), names, "{query}");
            assert_eq!((&listed["page"], &listed["has_additional"]), (&json!(page), &json!(more)), "{query}");
        }
        let far = server.ask_list(REPOSITORY, "?limit=100&page=9223372036854775807");
        assert_eq!((far.status, far.json()["tags"].clone()), (200, json!([])), "{far:?}");

        let page = json!({"message": {"page": "Page index for the results. Default 1."}});
        let limit =
            json!({"message": {"limit": "Limit to the number of results to return per page. Max 100."}});
        for text in ["", "abc", "1.5", "1e3", "0x1", "%2B-1", "--", "NaN", "1%00"] {
            server.ask_list(REPOSITORY, &format!("?page={text}")).is(400, page.clone());
            server.ask_list(REPOSITORY, &format!("?limit={text}")).is(400, limit.clone());
        }
    });
}

#[test]
fn filters_narrow_and_combine_and_are_taken_at_their_word() {
    each_engine(|server| {
        let digest = server.push(REPOSITORY, "Release-1", &Image::of("any"));
        for tag in ["release_2", "rc.1", "a_b", "aXb"] {
            tick();
            server.changes(REPOSITORY, tag, &json!({"manifest_digest": digest}));
        }
        for (query, names) in [
            ("filter_tag_name=like:release", "release_2 Release-1"),
            ("filter_tag_name=like:RELEASE", "release_2 Release-1"),
            ("filter_tag_name=like:a_b", "a_b"),
            ("filter_tag_name=like:%25", ""),
            ("filter_tag_name=like:e%25e", ""),
            ("filter_tag_name=like:%5C", ""),
            ("filter_tag_name=like:", "aXb a_b rc.1 release_2 Release-1"),
            ("filter_tag_name=like:1%27%20OR%201=1", ""),
            ("filter_tag_name=like:a:b", ""),
            ("filter_tag_name=eq:rc.1", "rc.1"),
            ("filter_tag_name=eq:RC.1", ""),
            ("filter_tag_name=eq:", ""),
            ("filter_tag_name=eq:a%00b", ""),
            ("filter_tag_name=", "aXb a_b rc.1 release_2 Release-1"),
            ("specificTag=rc.1", "rc.1"),
            ("specificTag=Rc.1", ""),
            ("specificTag=rc", ""),
            ("specificTag=r%00c", ""),
            ("specificTag=", "aXb a_b rc.1 release_2 Release-1"),
            ("specificTag=rc.1&filter_tag_name=like:r", "rc.1"),
            ("specificTag=rc.1&filter_tag_name=like:release", ""),
            ("specificTag=rc.1&filter_tag_name=eq:a_b", ""),
        ] {
            assert_eq!(server.names(REPOSITORY, &format!("?{query}")).join(" "), names, "{query}");
        }
        let message = "Unsupported syntax for filter_tag_name. Expected <operation>:<tag_name> \
                       where <operation>can be 'like' or 'eq'.";
        for text in ["zz:x", "x", "Like:x", ":x", "like", "%00"] {
            let answer = server.ask_list(REPOSITORY, &format!("?filter_tag_name={text}"));
            answer.is(400, json!({"message": message}));
        }
    });
}

#[test]
fn only_active_tags_hides_the_dead_unless_it_says_no() {
    let server = Server::start(Engine::Sqlite);
    server.push(REPOSITORY, "dead", &Image::of("any"));
    server.push(REPOSITORY, "alive", &Image::of("any"));
    assert_eq!(server.delete_tag(REPOSITORY, "dead").status, 204);
    for yes in ["true", "True", "TRUE", "1", "yes", "no", "off", "fAlSe", "null%20"] {
        assert_eq!(server.names(REPOSITORY, &format!("?onlyActiveTags={yes}")), ["alive"], "{yes}");
    }
    for no in ["false", "False", "FALSE", "0", "null", ""] {
        assert_eq!(server.names(REPOSITORY, &format!("?onlyActiveTags={no}")), ["alive", "dead"], "{no}");
    }
    assert_eq!(server.names(REPOSITORY, "?onlyActiveTags=true&specificTag=dead"), [""; 0]);
}

#[test]
fn paths_of_other_clients_lead_to_the_same_list() {
    let server = Server::start(Engine::Sqlite);
    server.push("admin/team/app", "v1", &Image::of("any"));
    server.push("admin/tag", "v1", &Image::of("any"));
    let expected = server.list("admin/team/app", "");
    assert_eq!(expected["tags"][0]["name"], "v1");
    for encoded in ["admin%2Fteam%2Fapp", "admin%2fteam/app", "admin/t%65am/app"] {
        assert_eq!(server.list(encoded, "?onlyActiveTags=False"), expected, "{encoded}");
    }
    assert_eq!(server.names("admin/tag", "?specificTag=v1"), ["v1"]);

    let path = "/api/v1/repository/admin%2Fteam/app/tag";
    let answer = server.by_admin("GET", &format!("{path}?limit=3&page=1")).send();
    answer.is_empty(308);
    assert_eq!(answer.header("location"), Some(format!("{path}/?limit=3&page=1").as_str()));

    let head = server.by_admin("HEAD", &tag_path("admin/team/app", "")).send();
    head.is_empty(200);
    assert_eq!(head.header("content-type"), Some("application/json"));
    let options = server.call("OPTIONS", &tag_path("admin/team/app", "")).send();
    options.is_empty(200);
    for answer in [head, options, server.call("GET", &tag_path("admin/team/app", "")).send()] {
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:?}");
        assert_eq!(answer.header("access-control-max-age"), Some("21600"));
        let allowed = answer.header("access-control-allow-headers").unwrap();
        assert_eq!(allowed, "Authorization, Content-Type, X-Requested-With");
    }
}
