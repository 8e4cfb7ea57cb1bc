//! `wharfinger check` finds what is wrong, and puts aside what can't be right.

use std::fs;
use std::process::Output;

use wharfinger_model::Digest;

use crate::support::{Engine, Image, Server, engines};

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn what_is_wrong_is_told_and_put_aside_and_a_push_heals_it() {
    for engine in engines() {
        let mut server = Server::start_with(engine, &[]);
        let repository = "admin/app";
        let layers = ["cut short", "altered", "missing"].map(|text| text.repeat(100).into_bytes());
        let image = Image::with_layers("image", layers.to_vec());
        server.push(repository, "v1", &image);
        assert_eq!(server.stop(), Some(0));
        let fine = server.run(&["check"]);
        assert_eq!((lines(&fine), fine.status.code()), (vec![], Some(0)), "{fine:?}");

        let folder = server.data.path().join("data/blobs/blobs/sha256");
        let file = |digest: &Digest| folder.join(&digest.hex()[..2]).join(digest.hex());
        let [cut, altered, missing] = layers.each_ref().map(|layer| Digest::sha256(layer));
        fs::write(file(&cut), "cut").unwrap();
        fs::write(file(&altered), layers[1].to_ascii_uppercase()).unwrap();
        fs::remove_file(file(&missing)).unwrap();
        let stray = Digest::sha256(b"stray");
        fs::create_dir_all(file(&stray).parent().unwrap()).unwrap();
        fs::write(file(&stray), "stray").unwrap();

        let found = server.run(&["check"]);
        let mut expected = vec![
            format!("blob {cut}: its file has 3 bytes instead of {}", layers[0].len()),
            format!("blob {altered}: its file has another content"),
            format!("blob {missing}: its file is missing; push it again"),
            format!("file of blob {stray}: no row tells of it"),
        ];
        let mut told = lines(&found);
        told.sort();
        expected.sort();
        assert_eq!((told, found.status.code()), (expected, Some(1)));
        assert!(file(&stray).exists(), "it was only asked");

        let repaired = server.run(&["check", "--repair"]);
        assert_eq!((lines(&repaired).len(), repaired.status.code()), (4, Some(1)));
        let mut aside: Vec<_> = fs::read_dir(server.data.path().join("data/blobs/quarantine"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut moved = [&cut, &altered, &stray].map(|digest| format!("sha256-{}", digest.hex()));
        aside.sort();
        moved.sort();
        assert_eq!(aside, moved);

        server.spawn();
        server.push(repository, "v1", &image);
        assert_eq!(server.stop(), Some(0));
        let healed = server.run(&["check"]);
        assert_eq!((lines(&healed), healed.status.code()), (vec![], Some(0)));
    }
}

#[test]
fn links_that_are_missing_are_mended() {
    let mut server = Server::start(Engine::Sqlite);
    let image = Image::of("image");
    server.push("admin/app", "v1", &image);
    assert_eq!(server.stop(), Some(0));
    let database = rusqlite::Connection::open(server.database()).unwrap();
    database.execute_batch("DELETE FROM manifest_blob; UPDATE repository_blob SET held = FALSE").unwrap();
    drop(database);
    let found = server.run(&["check", "--repair"]);
    let told = lines(&found);
    assert_eq!((told.len(), found.status.code()), (2, Some(1)), "{told:?}");
    assert!(told.iter().all(|line| line.ends_with(": linked again")), "{told:?}");
    let mended = server.run(&["check"]);
    assert_eq!((lines(&mended), mended.status.code()), (vec![], Some(0)));
}

#[test]
fn what_is_there_without_being_known_to_be_needed_is_told_and_mended() {
    let mut server = Server::start(Engine::Sqlite);
    let (image, child) = (Image::of("image"), Image::of("child"));
    server.push("admin/app", "image", &image);
    server.push("admin/app", "child", &child);
    let index = Image::index(&[&child]);
    server.push("admin/app", "index", &index);
    assert_eq!(server.stop(), Some(0));
    let layer = Digest::sha256(&image.blobs[1]);
    let database = rusqlite::Connection::open(server.database()).unwrap();
    // As no unit of work would leave it.
    database
        .execute_batch(&format!(
            "UPDATE manifest_child SET child_id = NULL;
             INSERT INTO missing_blob SELECT repository_id, '{layer}', id FROM manifest WHERE digest = '{}';
             DELETE FROM manifest_blob WHERE blob_id = (SELECT id FROM blob WHERE digest = '{layer}');
             UPDATE repository_blob SET held = FALSE;",
            image.digest()
        ))
        .unwrap();
    drop(database);
    let found = server.run(&["check", "--repair"]);
    let told = lines(&found);
    for expected in [
        format!(
            "manifest admin/app@{}: blob {layer} is there, but not known to be needed: linked again",
            image.digest()
        ),
        format!(
            "index admin/app@{}: {} is there, but not known to be listed: linked again",
            index.digest(),
            child.digest()
        ),
    ] {
        assert!(told.contains(&expected), "{told:#?}");
    }
    assert!(told.iter().all(|line| line.ends_with(": linked again")), "{told:#?}");
    let mended = server.run(&["check"]);
    assert_eq!((lines(&mended), mended.status.code()), (vec![], Some(0)));
    server.spawn();
    let token = server.push_token("admin/app");
    let needed = format!("manifests/{}", child.digest());
    server.v2(&token, "DELETE", "admin/app", &needed).send().is_oci_error(405, "UNSUPPORTED");
}
