//! `wharfinger check` finds what is wrong, and puts aside what can't be right.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use wharfinger_model::{Digest, Timestamp};
use wharfinger_store::blob;

use crate::support::{Engine, Image, Server, engines};

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

/// The folder of the storage.
fn storage(server: &Server) -> PathBuf {
    server.data.path().join("data/blobs")
}

/// Where the bytes of a blob lie.
fn file(server: &Server, digest: &Digest) -> PathBuf {
    storage(server).join("blobs/sha256").join(&digest.hex()[..2]).join(digest.hex())
}

/// What was put aside, by name, with its bytes; those of a folder are none.
fn aside(server: &Server) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(storage(server).join("quarantine")).unwrap();
    let mut aside: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default())
        })
        .collect();
    aside.sort();
    aside
}

#[test]
fn where_there_is_no_registry_nothing_agrees() {
    let server = Server::start(Engine::Sqlite);
    let elsewhere = server.data.path().join("elsewhere");
    for command in [&["check"][..], &["collect", "--once"]] {
        let output =
            server.run(&[command, &["--database", &format!("sqlite:{}", elsewhere.display())]].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("there is no registry"), "{output:?}");
    }
    assert!(!elsewhere.exists());
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
            format!("blob {missing}: its file is missing"),
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

/// What a client asks for before it pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// For each blob, as Skopeo and Docker do.
    ForBlobs,
    /// For the manifest first: then it sends nothing at all, as crane and containerd do.
    ForManifests,
}

/// Pushes what is not said to be there: first what an index lists, then the blobs, then the manifest.
fn push_asking(
    server: &Server,
    asks: Asks,
    token: &str,
    repository: &str,
    reference: &str,
    images: &[&Image],
) {
    let is_there = |rest: &str| match server.v2(token, "HEAD", repository, rest).send().status {
        200 => true,
        404 => false,
        other => panic!("{rest}: {other}"),
    };
    let (image, listed) = images.split_first().unwrap();
    if asks == Asks::ForManifests && is_there(&format!("manifests/{reference}")) {
        return;
    }
    for listed in listed {
        push_asking(server, asks, token, repository, &listed.digest(), &[listed]);
    }
    for blob in &image.blobs {
        if !is_there(&format!("blobs/{}", Digest::sha256(blob))) {
            server.push_blob(token, repository, blob).send().is_empty(201);
        }
    }
    server.push_manifest(token, repository, reference, image).send().is_empty(201);
}

#[test]
fn a_client_that_asks_first_pushes_again_what_was_lost() {
    for (engine, asks) in
        engines().into_iter().flat_map(|it| [(it, Asks::ForBlobs), (it, Asks::ForManifests)])
    {
        let mut server = Server::start_with(engine, &[]);
        let image = Image::of("image");
        let index = Image::index(&[&image]);
        for repository in ["admin/app", "admin/other"] {
            server.push(repository, "v1", &image);
        }
        server.push("admin/app", "multi", &index);
        assert_eq!(server.stop(), Some(0));
        let layer = Digest::sha256(&image.blobs[1]);
        fs::write(file(&server, &layer), image.blobs[1].to_ascii_uppercase()).unwrap();
        let repaired = server.run(&["check", "--repair"]);
        let told = format!("blob {layer}: its file has another content: moved to quarantine; push it again");
        assert_eq!(lines(&repaired), [told]);
        let found = server.run(&["check"]);
        assert_eq!(lines(&found), [format!("blob {layer}: its file is missing")]);

        server.spawn();
        let token = server.push_token("admin/app");
        let blob = format!("blobs/{layer}");
        server.v2(&token, "GET", "admin/app", &blob).send().is_oci_error(404, "BLOB_UNKNOWN");
        server
            .push_manifest(&token, "admin/app", "v1", &image)
            .send()
            .is_oci_error(400, "MANIFEST_BLOB_UNKNOWN");
        server
            .push_manifest(&token, "admin/app", "multi", &index)
            .send()
            .is_oci_error(400, "MANIFEST_BLOB_UNKNOWN");
        let both = server.registry_token(
            "$oauthtoken",
            &server.admin,
            &["repository:admin/new:pull,push", "repository:admin/app:pull"],
        );
        for from in ["&from=admin/app", ""] {
            let mount = format!("blobs/uploads/?mount={layer}{from}");
            server.v2(&both, "POST", "admin/new", &mount).send().is_empty(202);
        }
        let puller = ["repository:admin/app:pull"];
        let puller = server.registry_token("$oauthtoken", &server.admin, &puller);
        assert_eq!(
            server.v2(&puller, "HEAD", "admin/app", "manifests/v1").send().status,
            200,
            "it can be read"
        );

        push_asking(&server, asks, &token, "admin/app", "multi", &[&index, &image]);
        for repository in ["admin/app", "admin/other"] {
            let token = server.push_token(repository);
            assert_eq!(server.v2(&token, "GET", repository, &blob).send().body, image.blobs[1]);
            assert_eq!(server.v2(&token, "HEAD", repository, "manifests/v1").send().status, 200);
        }
        assert_eq!(server.stop(), Some(0));
        let healed = server.run(&["check"]);
        assert_eq!((lines(&healed), healed.status.code()), (vec![], Some(0)));
    }
}

#[test]
fn bytes_that_are_gone_are_missed_by_whoever_asks_for_them_and_a_push_brings_them_back() {
    for (engine, method) in engines().into_iter().flat_map(|it| ["GET", "HEAD", "POST"].map(|by| (it, by))) {
        let server = Server::start_with(engine, &[]);
        let image = Image::of("image");
        server.push("admin/app", "v1", &image);
        let (config, layer) = (Digest::sha256(&image.blobs[0]), Digest::sha256(&image.blobs[1]));
        fs::write(file(&server, &config), "cut").unwrap();
        fs::remove_file(file(&server, &layer)).unwrap();

        let token = server.push_token("admin/app");
        let both = server.registry_token(
            "$oauthtoken",
            &server.admin,
            &["repository:admin/new:pull,push", "repository:admin/app:pull"],
        );
        for digest in [&config, &layer] {
            if method == "POST" {
                let mount = format!("blobs/uploads/?mount={digest}&from=admin/app");
                server.v2(&both, method, "admin/new", &mount).send().is_empty(202);
            } else {
                let asked = server.v2(&token, method, "admin/app", &format!("blobs/{digest}")).send();
                assert_eq!(asked.status, 404, "{method}: {asked:?}");
            }
        }
        push_asking(&server, Asks::ForManifests, &token, "admin/app", "v1", &[&image]);
        for blob in &image.blobs {
            let rest = format!("blobs/{}", Digest::sha256(blob));
            assert_eq!(server.v2(&token, "GET", "admin/app", &rest).send().body, *blob);
        }
        server.forgive("the bytes of a blob are lost", 2);
    }
}

#[test]
fn a_manifest_whose_config_is_gone_is_refused_and_the_next_push_brings_it() {
    for engine in engines() {
        let server = Server::start_with(engine, &[]);
        let image = Image::of("image");
        server.push("admin/app", "v1", &image);
        fs::remove_file(file(&server, &Digest::sha256(&image.blobs[0]))).unwrap();
        let token = server.push_token("admin/app");
        let refused = server.push_manifest(&token, "admin/app", "v2", &image).send();
        refused.is_oci_error(400, "MANIFEST_BLOB_UNKNOWN");
        push_asking(&server, Asks::ForManifests, &token, "admin/app", "v2", &[&image]);
        server.forgive("the bytes of a blob are lost", 1);
    }
}

#[test]
fn nothing_is_lost_while_the_storage_is_out_of_reach() {
    let server = Server::start(Engine::Sqlite);
    let image = Image::of("image");
    server.push("admin/app", "v1", &image);
    let token = server.push_token("admin/app");
    let blob = format!("blobs/{}", Digest::sha256(&image.blobs[1]));
    let (there, away) = (storage(&server).join("blobs"), server.data.path().join("away"));
    fs::rename(&there, &away).unwrap();
    for method in ["HEAD", "GET"] {
        assert_eq!(server.v2(&token, method, "admin/app", &blob).send().status, 500, "{method}");
    }
    server.forgive("No such file or directory", 2);
    fs::rename(&away, &there).unwrap();
    for method in ["HEAD", "GET"] {
        assert_eq!(server.v2(&token, method, "admin/app", &blob).send().status, 200, "{method}");
    }
}

#[test]
fn a_file_that_was_put_back_is_given_out_again() {
    for engine in engines() {
        let mut server = Server::start_with(engine, &[]);
        let image = Image::of("image");
        server.push("admin/app", "v1", &image);
        assert_eq!(server.stop(), Some(0));
        let layer = Digest::sha256(&image.blobs[1]);
        fs::remove_file(file(&server, &layer)).unwrap();
        let told = format!("blob {layer}: its file is missing: told to be missing until it is pushed again");
        assert_eq!(lines(&server.run(&["check", "--repair"])), [told]);
        fs::write(file(&server, &layer), &image.blobs[1]).unwrap();
        let found = server.run(&["check", "--repair"]);
        assert_eq!(lines(&found), [format!("blob {layer}: its file is there again: told to be there")]);
        server.spawn();
        let token = server.push_token("admin/app");
        let blob = format!("blobs/{layer}");
        assert_eq!(server.v2(&token, "GET", "admin/app", &blob).send().body, image.blobs[1]);
    }
}

#[test]
fn what_is_neither_a_blob_nor_an_upload_is_told_and_put_aside() {
    let mut server = Server::start(Engine::Sqlite);
    let image = Image::of("image");
    server.push("admin/app", "v1", &image);
    assert_eq!(server.stop(), Some(0));
    let layer = Digest::sha256(&image.blobs[1]);
    let misplaced = Digest::sha256(b"misplaced");
    let shard = if misplaced.hex().starts_with("00") { "01" } else { "00" };
    let strange = [
        "blobs/junk".to_owned(),
        "blobs/sha256/junk".to_owned(),
        format!("blobs/sha256/{shard}/junk"),
        format!("blobs/sha256/{shard}/{}", misplaced.hex()),
        "uploads/junk".to_owned(),
    ];
    fs::create_dir_all(storage(&server).join("blobs/sha256").join(shard)).unwrap();
    for path in &strange {
        fs::write(storage(&server).join(path), path).unwrap();
    }
    // In the place of a blob something that is no file.
    fs::remove_file(file(&server, &layer)).unwrap();
    fs::create_dir(file(&server, &layer)).unwrap();
    let folder = format!("blobs/sha256/{}/{}", &layer.hex()[..2], layer.hex());
    let strange: Vec<String> = strange.into_iter().chain([folder.clone()]).collect();

    let found = server.run(&["check"]);
    let told = lines(&found);
    for path in &strange {
        assert!(told.contains(&format!("{path}: it is neither a blob nor an upload")), "{path}: {told:#?}");
    }
    assert!(storage(&server).join("uploads/junk").exists(), "it was only asked");

    let told = lines(&server.run(&["check", "--repair"]));
    for path in &strange {
        let expected = format!("{path}: it is neither a blob nor an upload: moved to quarantine");
        assert!(told.contains(&expected), "{path}: {told:#?}");
        assert!(!storage(&server).join(path).exists(), "{path}");
    }
    let mut expected: Vec<_> = strange
        .iter()
        .map(|path| {
            (path.replace('/', "-"), if *path == folder { Vec::new() } else { path.clone().into_bytes() })
        })
        .collect();
    expected.sort();
    assert_eq!(aside(&server), expected);
    server.spawn();
    server.push("admin/app", "v1", &image);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(lines(&server.run(&["check"])), Vec::<String>::new());
}

#[test]
fn what_is_put_aside_stays_though_more_of_the_same_name_comes() {
    let mut server = Server::start(Engine::Sqlite);
    let image = Image::of("image");
    server.push("admin/app", "v1", &image);
    let layer = Digest::sha256(&image.blobs[1]);
    for content in ["bad", "worse"] {
        assert_eq!(server.stop(), Some(0));
        fs::write(file(&server, &layer), content).unwrap();
        assert_eq!(lines(&server.run(&["check", "--repair"])).len(), 1);
        server.spawn();
        server.push("admin/app", "v1", &image);
    }
    let name = format!("sha256-{}", layer.hex());
    assert_eq!(aside(&server), [(name.clone(), b"bad".to_vec()), (format!("{name}.2"), b"worse".to_vec())]);
}

#[test]
fn a_blob_that_no_repository_has_is_put_aside_and_not_deleted() {
    for engine in engines() {
        let mut server = Server::start_with(engine, &[]);
        assert_eq!(server.stop(), Some(0));
        let (bytes, digest) = (b"precious", Digest::sha256(b"precious"));
        fs::create_dir_all(file(&server, &digest).parent().unwrap()).unwrap();
        fs::write(file(&server, &digest), bytes).unwrap();
        let row = digest.clone();
        server.seed(move |tx| blob::ensure(tx, &row, 8, Timestamp::from_ms(0)).map(drop));
        let told =
            format!("blob {digest}: no repository has it, and nothing would collect it: moved to quarantine");
        assert_eq!(lines(&server.run(&["check", "--repair"])), [told]);
        assert_eq!(server.run(&["collect", "--once"]).status.code(), Some(0));
        assert_eq!(aside(&server), [(format!("sha256-{}", digest.hex()), bytes.to_vec())]);
        assert_eq!(lines(&server.run(&["check"])), Vec::<String>::new());
    }
}
