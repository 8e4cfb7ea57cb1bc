use wharfinger_model::Scopes;
use wharfinger_store::access_token::{self, NewToken};
use wharfinger_store::account::Kind;
use wharfinger_store::application::{self, Application, Profile};
use wharfinger_store::authorization_code::{self, AuthorizationCode};
use wharfinger_store::testing::each_engine;
use wharfinger_store::{AccountId, Result, Tx, session, signing_key};

use crate::fixture::{NOW, account, at, unit, user};

/// A token of `account` that is good until 5000.
fn token(name: &str, account: AccountId) -> NewToken<'_> {
    NewToken {
        uuid: name,
        lookup: name,
        secret_hash: &[0, 255, 1],
        account,
        application_id: None,
        application: "ci",
        name: None,
        created_by: None,
        sent_to: None,
        scopes: scopes("repo:read repo:write"),
        expires: at(5000),
    }
}

fn scopes(text: &str) -> Scopes {
    text.parse().unwrap()
}

/// An application of an organization `acme`.
fn application(tx: &mut Tx<'_>, client_id: &str) -> Result<Application> {
    let acme = match wharfinger_store::account::by_name(tx, "acme")? {
        Some(acme) => acme.id,
        None => account(tx, "acme", Kind::Organization)?,
    };
    let profile = Profile { name: format!("the {client_id}"), ..Profile::default() };
    application::insert(tx, client_id, acme, &profile, "nonce", NOW)?;
    Ok(application::by_client_id(tx, client_id)?.unwrap())
}

#[tokio::test]
async fn a_session_lasts_until_it_expires() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            session::insert(tx, b"\0hash", alice, NOW, at(5000))?;
            let found = session::find(tx, b"\0hash", at(4999))?.unwrap();
            assert_eq!((found.account.id, found.verified), (alice, NOW));
            assert_eq!(session::find(tx, b"\0hash", at(5000))?, None);
            assert_eq!(session::find(tx, b"other", at(4999))?, None);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_token_is_found_by_its_public_half_until_it_expires() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            let new = token("public", alice);
            access_token::insert(tx, &new, NOW)?;
            let found = access_token::by_lookup(tx, "public", at(4999))?.unwrap();
            assert_eq!((found.secret_hash.as_slice(), found.application.as_str()), (new.secret_hash, "ci"));
            assert_eq!((found.scopes.to_string(), found.owner.id), (new.scopes.to_string(), alice));
            assert!(access_token::by_lookup(tx, "public", at(5000))?.is_none());
            assert!(access_token::by_lookup(tx, "Public", at(4999))?.is_none());
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_newest_signing_key_comes_first() {
    each_engine(async |store| {
        unit(&store, |tx| {
            for (name, made) in [("first", 1000), ("third", 3000), ("second", 2000), ("fourth", 3000)] {
                signing_key::insert(tx, name, name.as_bytes(), at(made))?;
            }
            let keys = signing_key::all(tx)?;
            let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
            assert_eq!(names, ["fourth", "third", "second", "first"]);
            assert_eq!(keys[0].secret, b"fourth");
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_signing_keys_name_is_taken_once() {
    each_engine(async |store| {
        unit(&store, |tx| signing_key::insert(tx, "key", b"one", NOW)).await;
        let error = store.write(|tx| signing_key::insert(tx, "key", b"two", NOW)).await.unwrap_err();
        assert!(error.is_unique_violation(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn sessions_end_one_by_one_all_at_once_by_age_and_by_their_time() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (alice, bob) = (user(tx, "alice")?, user(tx, "bob")?);
            for (hash, made) in [(b"a", 1000), (b"b", 1001), (b"c", 1002), (b"d", 1003)] {
                session::insert(tx, hash, alice, at(made), at(made + 1000))?;
            }
            session::insert(tx, b"bob", bob, NOW, at(9000))?;
            let open = |tx: &mut Tx<'_>| {
                let mut open = Vec::new();
                for hash in [&b"a"[..], b"b", b"c", b"d", b"bob"] {
                    open.push(session::find(tx, hash, NOW)?.is_some());
                }
                Ok::<_, wharfinger_store::Error>(open)
            };
            session::delete(tx, b"c")?;
            assert_eq!(open(tx)?, [true, true, false, true, true]);
            assert_eq!(session::delete_oldest(tx, alice, 2)?, 1);
            assert_eq!(open(tx)?, [false, true, false, true, true]);
            assert_eq!(session::delete_expired(tx, at(2001), 10)?, 1);
            assert_eq!(open(tx)?, [false, false, false, true, true]);
            assert_eq!(session::delete_all(tx, alice)?, 1);
            assert_eq!(open(tx)?, [false, false, false, false, true]);
            assert_eq!(session::delete_expired(tx, at(9000), 0)?, 0);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_applications_tokens_are_listed_newest_first_and_told_by_its_present_name() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            let (ci, other) = (application(tx, "ci")?, application(tx, "other")?);
            for name in ["one", "two", "three"] {
                let made = NewToken { application_id: Some(ci.id), name: Some(name), ..token(name, alice) };
                access_token::insert(tx, &made, NOW)?;
            }
            let over = NewToken { application_id: Some(ci.id), expires: at(2000), ..token("over", alice) };
            access_token::insert(tx, &over, NOW)?;
            access_token::insert(tx, &NewToken { application_id: Some(other.id), ..token("x", alice) }, NOW)?;
            let names = |tx: &mut Tx<'_>, behind, limit| {
                let page = access_token::of_application(tx, ci.id, behind, at(2000), limit)?;
                let last = page.last().map(|token| token.id);
                let names: Vec<_> = page.into_iter().map(|token| token.uuid).collect();
                Ok::<_, wharfinger_store::Error>((names, last))
            };
            let (first, last) = names(tx, None, 2)?;
            assert_eq!(first, ["three", "two"]);
            assert_eq!(names(tx, last, 2)?.0, ["one"]);

            application::update(tx, ci.id, &Profile { name: "new".into(), ..Profile::default() })?;
            assert_eq!(access_token::by_lookup(tx, "one", NOW)?.unwrap().application, "new");
            assert_eq!(access_token::delete_of_application(tx, other.id, "one")?, None);
            assert_eq!(access_token::delete_of_application(tx, ci.id, "one")?, Some(alice));
            assert!(access_token::by_lookup(tx, "one", NOW)?.is_none());
            application::delete(tx, ci.id)?;
            assert!(access_token::by_lookup(tx, "two", NOW)?.is_none());
            assert!(access_token::by_lookup(tx, "x", NOW)?.is_some());
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn whoever_lent_their_rights_sees_to_whom_and_takes_them_back() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (alice, bob) = (user(tx, "alice")?, user(tx, "bob")?);
            let ci = application(tx, "ci")?;
            access_token::insert(tx, &token("plain", alice), NOW)?;
            let sent_to = Some("https://ci");
            let given = NewToken { application_id: Some(ci.id), sent_to, ..token("given", alice) };
            access_token::insert(tx, &given, NOW)?;
            let made = NewToken { application_id: Some(ci.id), name: Some("x"), ..token("made", alice) };
            access_token::insert(tx, &made, NOW)?;
            let list = access_token::of_account(tx, alice, NOW, 10)?;
            let told: Vec<_> = list.iter().map(|it| (&*it.uuid, &*it.application)).collect();
            assert_eq!(told, [("made", "the ci"), ("given", "the ci"), ("plain", "ci")]);
            assert_eq!(list[1].client.as_ref().unwrap().organization, "acme");
            assert_eq!(list[2].client, None);
            assert_eq!(access_token::of_account(tx, alice, at(5000), 10)?, []);
            let consented = |tx: &mut Tx<'_>, by, to| access_token::consented(tx, ci.id, by, to, NOW);
            assert_eq!(consented(tx, alice, "https://ci")?, [given.scopes]);
            assert_eq!(consented(tx, alice, "https://other")?, []);
            assert_eq!(consented(tx, bob, "https://ci")?, []);
            assert_eq!(access_token::delete_of_account(tx, bob, "given")?, None);
            let gone = access_token::delete_of_account(tx, alice, "given")?;
            assert_eq!(gone, Some(("ci".to_owned(), Some(ci.id))));
            assert_eq!(consented(tx, alice, "https://ci")?, []);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_last_use_of_a_token_never_goes_back_and_expired_ones_are_forgotten() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let alice = user(tx, "alice")?;
            let ci = application(tx, "ci")?;
            access_token::insert(tx, &NewToken { application_id: Some(ci.id), ..token("a", alice) }, NOW)?;
            let id = access_token::by_lookup(tx, "a", NOW)?.unwrap().id;
            for (used, last) in [(2000, 2000), (1500, 2000), (3000, 3000)] {
                access_token::set_last_used(tx, id, at(used))?;
                let page = access_token::of_application(tx, ci.id, None, NOW, 1)?;
                assert_eq!(page[0].last_used, Some(at(last)));
            }
            assert_eq!(access_token::delete_expired(tx, at(4999), 10)?, 0);
            assert_eq!(access_token::delete_expired(tx, at(5000), 10)?, 1);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_code_is_taken_once_by_its_own_application_in_its_time() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let account = user(tx, "alice")?;
            let (ci, other) = (application(tx, "ci")?, application(tx, "other")?);
            let code = AuthorizationCode {
                application: ci.id,
                account,
                redirect_uri: "https://ci.example.com/cb".into(),
                scopes: scopes("repo:read"),
            };
            authorization_code::insert(tx, b"code", &code, at(2000))?;
            assert_eq!(authorization_code::take(tx, b"code", other.id, NOW)?, None);
            assert_eq!(authorization_code::take(tx, b"cod", ci.id, NOW)?, None);
            assert_eq!(authorization_code::take(tx, b"code", ci.id, at(2000))?, None);
            assert_eq!(authorization_code::take(tx, b"code", ci.id, at(1999))?, Some(code.clone()));
            assert_eq!(authorization_code::take(tx, b"code", ci.id, at(1999))?, None);
            authorization_code::insert(tx, b"late", &code, at(2000))?;
            assert_eq!(authorization_code::delete_expired(tx, at(1999), 10)?, 0);
            assert_eq!(authorization_code::delete_expired(tx, at(2000), 10)?, 1);
            Ok(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_application_is_found_by_its_client_id_and_listed_with_its_organizations() {
    each_engine(async |store| {
        unit(&store, |tx| {
            let (ci, cd) = (application(tx, "ci")?, application(tx, "cd")?);
            assert_eq!(application::by_client_id(tx, "CI")?, None);
            assert_eq!(application::list(tx, ci.organization, 10)?, [ci.clone(), cd.clone()]);
            assert_eq!(application::list(tx, ci.organization, 1)?, std::slice::from_ref(&ci));
            let profile = Profile {
                name: "n".into(),
                description: "d".into(),
                application_uri: "u".into(),
                redirect_uri: "r".into(),
                avatar_email: Some("a".into()),
            };
            application::update(tx, ci.id, &profile)?;
            application::set_secret_nonce(tx, ci.id, "other")?;
            let updated = Application { profile, secret_nonce: "other".into(), ..ci.clone() };
            assert_eq!(application::by_client_id(tx, "ci")?, Some(updated));
            application::delete(tx, ci.id)?;
            assert_eq!(application::list(tx, ci.organization, 10)?, [cd]);
            Ok(())
        })
        .await;
    })
    .await;
}
