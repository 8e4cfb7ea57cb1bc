//! Passwords, sessions, and how long each is good.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;
use wharfinger_model::Scope;
use wharfinger_registry::identity::Standing;
use wharfinger_registry::identity::operator::{self, NewUser};
use wharfinger_registry::identity::users::UserUpdate;
use wharfinger_registry::identity::{authenticate, sessions, users};
use wharfinger_registry::messages::{self, MediaType, Severity};
use wharfinger_registry::namespaces::NamespaceUpdate;
use wharfinger_registry::oauth::applications::{self, ApplicationView, Profile};
use wharfinger_registry::oauth::authorize::{self, AuthorizationRequest, Consent};
use wharfinger_registry::oauth::exchange::{self, Exchange, Exchanged};
use wharfinger_registry::oauth::tokens::{self, TokenRequest};
use wharfinger_registry::{Caller, Error, Origin, Registry};
use wharfinger_store::account::Kind;
use wharfinger_store::testing::each_engine;

use support::Place;

const PASSWORD: &str = "a-long-enough-one";
const CALLBACK: &str = "https://ci.example.com/cb";
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn add(registry: &Registry, name: &str) {
    let new = NewUser { name: name.into(), email: None, superuser: false };
    operator::create(registry, new, PASSWORD).await.unwrap();
}

fn from(address: &str) -> Origin {
    Origin { address: Some(address.parse::<IpAddr>().unwrap()), user_agent: None }
}

async fn sign_in(registry: &Registry, user: &str, password: &str) -> Option<String> {
    sessions::sign_in(registry, user, password, None, from("192.0.2.1")).await.unwrap()
}

async fn holder(registry: &Registry, cookie: &str) -> Option<Arc<Caller>> {
    authenticate::session(registry, cookie, Origin::default()).await.unwrap()
}

/// How long somebody has to wait; `None` if the password was looked at.
async fn pause(registry: &Registry, user: &str, password: &str, origin: Origin) -> Option<u64> {
    match authenticate::password(registry, user, password, origin).await {
        Ok(_) => None,
        Err(Error::TooManyAttempts { retry_after }) => Some(retry_after.as_secs()),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_begins_with_a_cookie_of_its_own_and_ends_by_signing_out_or_by_its_time() {
    each_engine(async |store| {
        let place = Place::on(store).await;
        let registry = &place.registry;
        add(registry, "alice").await;
        assert_eq!(sign_in(registry, "alice", "wrong").await, None);
        assert_eq!(sign_in(registry, "nobody", PASSWORD).await, None);
        let planted = "p".repeat(43);
        let first = sessions::sign_in(registry, "alice", PASSWORD, Some(&planted), from("192.0.2.1"));
        let first = first.await.unwrap().unwrap();
        assert_ne!(first, planted);
        assert!(holder(registry, &planted).await.is_none());

        // Whoever signs in again in the same browser leaves nothing of the old session.
        let again = sessions::sign_in(registry, "alice", PASSWORD, Some(&first), from("192.0.2.1"));
        let again = again.await.unwrap().unwrap();
        assert!(holder(registry, &first).await.is_none());
        let other = sign_in(registry, "alice", PASSWORD).await.unwrap();
        let caller = holder(registry, &again).await.unwrap();
        sessions::sign_out(registry, &caller).await.unwrap();
        assert!(holder(registry, &again).await.is_none());
        assert!(holder(registry, &other).await.is_none());
        sessions::sign_out(registry, &Arc::new(Caller::anonymous(Origin::default()))).await.unwrap();

        let last = sign_in(registry, "alice", PASSWORD).await.unwrap();
        place.clock.advance(31 * DAY - Duration::from_secs(1));
        assert!(holder(registry, &last).await.is_some());
        place.clock.advance(Duration::from_secs(1));
        assert!(holder(registry, &last).await.is_none());
        assert!(!sessions::sweep(registry).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn only_a_token_for_administering_its_user_signs_them_out() {
    let place = Place::open().await;
    let alice = place.user("alice").await;
    let low = place.with_token(alice, &[Scope::RepoAdmin]).await;
    let refused = sessions::sign_out(&place.registry, &low).await;
    assert!(matches!(refused, Err(Error::Forbidden)), "{refused:?}");
    let high = place.with_token(alice, &[Scope::UserAdmin]).await;
    sessions::sign_out(&place.registry, &high).await.unwrap();
}

#[tokio::test]
async fn what_is_sensitive_needs_a_session_whose_password_was_shown_lately() {
    let place = Place::open().await;
    let registry = &place.registry;
    add(registry, "alice").await;
    let cookie = sign_in(registry, "alice", PASSWORD).await.unwrap();
    let update = || UserUpdate {
        namespace: NamespaceUpdate { email: Some("a@example.com".into()), ..NamespaceUpdate::default() },
        password: None,
    };
    place.clock.advance(Duration::from_secs(600));
    let caller = holder(registry, &cookie).await.unwrap();
    users::update(registry, &caller, update()).await.unwrap();
    place.clock.advance(Duration::from_secs(1));
    let refused = users::update(registry, &caller, update()).await;
    assert!(matches!(refused, Err(Error::FreshLoginRequired)));

    assert_eq!(sessions::verify(registry, &caller, "wrong", &cookie).await.unwrap(), None);
    let renewed = sessions::verify(registry, &caller, PASSWORD, &cookie).await.unwrap().unwrap();
    assert!(holder(registry, &cookie).await.is_none(), "the session got a new id");
    let caller = holder(registry, &renewed).await.unwrap();
    users::update(registry, &caller, update()).await.unwrap();

    // Other credentials are shown each time.
    let alice = support::Person(caller.account().unwrap().id);
    let token = place.with_token(alice, &Scope::ALL).await;
    place.clock.advance(DAY);
    users::update(registry, &token, update()).await.unwrap();
    let refused = sessions::verify(registry, &token, PASSWORD, "").await;
    assert!(matches!(refused, Err(Error::Forbidden)), "{refused:?}");
}

/// An application of a new organization `acme`.
async fn application(place: &Place, caller: &Arc<Caller>) -> ApplicationView {
    place.account("acme", Kind::Organization).await;
    let profile = Profile {
        name: "ci".into(),
        description: String::new(),
        application_uri: String::new(),
        redirect_uri: CALLBACK.into(),
        avatar_email: None,
    };
    applications::create(&place.registry, caller, "acme", profile).await.unwrap()
}

fn token_request(scope: &str) -> TokenRequest {
    TokenRequest { name: "token".into(), scope: scope.into(), life: None }
}

#[tokio::test]
async fn whoever_comes_upon_an_open_browser_lends_nothing_and_tells_nobody_anything() {
    let place = Place::open().await;
    let registry = &place.registry;
    let root = place.superuser("root").await;
    let session = place.in_session(root).await;
    let client_id = application(&place, &session).await.client_id;
    let create =
        async |caller| tokens::create(registry, caller, "acme", &client_id, token_request("repo:read")).await;
    let asks = |scope: &str, response_type: &str| AuthorizationRequest {
        client_id: client_id.clone(),
        redirect_uri: CALLBACK.into(),
        scope: scope.into(),
        response_type: response_type.into(),
        state: None,
    };
    let consider =
        async |scope| authorize::consider(registry, &session, asks(scope, "token"), CALLBACK).await;
    let decide = async |scope, response, consent| {
        authorize::decide(registry, &session, asks(scope, response), CALLBACK, consent).await
    };
    let tell = async || messages::add(registry, &session, Severity::Info, MediaType::Plain, "hello").await;
    create(&session).await.unwrap();
    decide("org:admin", "token", Consent::Given).await.unwrap();
    decide("repo:read", "token", Consent::Given).await.unwrap();
    tell().await.unwrap();

    place.clock.advance(Duration::from_secs(601));
    let stale = |error: Option<Error>| assert!(matches!(error, Some(Error::FreshLoginRequired)), "{error:?}");
    stale(create(&session).await.err());
    for scope in ["user:admin", "org:admin", "super:user", "repo:read org:admin", "repo:admin", "repo:read"] {
        stale(consider(scope).await.err());
        for response in ["token", "code"] {
            stale(decide(scope, response, Consent::Given).await.err());
        }
        decide(scope, "token", Consent::Denied).await.unwrap();
    }
    stale(tell().await.err());
    let uuid = messages::list(registry).await.unwrap().remove(0).uuid;
    stale(messages::remove(registry, &session, &uuid).await.err());

    // Other credentials are shown each time.
    let token = place.with_token(root, &[Scope::OrgAdmin, Scope::RepoRead, Scope::SuperUser]).await;
    create(&token).await.unwrap();
    messages::remove(registry, &token, &uuid).await.unwrap();
}

#[tokio::test]
async fn a_token_that_was_made_by_a_token_ends_with_it() {
    each_engine(async |store| {
        let place = Place::on(store).await;
        let registry = &place.registry;
        let session = place.in_session(place.superuser("root").await).await;
        let client_id = application(&place, &session).await.client_id;
        let create = async |caller: &Arc<Caller>, seconds| {
            let life = Some(Duration::from_secs(seconds));
            let request = TokenRequest { life, ..token_request("org:admin super:user") };
            tokens::create(registry, caller, "acme", &client_id, request).await
        };
        let short = create(&session, 60).await.unwrap();
        let token = short.token.expose_secret();
        let caller = authenticate::access_token(registry, token, Origin::default()).await.unwrap().unwrap();
        place.clock.advance(Duration::from_secs(30));
        let end = async |seconds| create(&caller, seconds).await.unwrap().listed.expires;
        assert_eq!(end(3600).await, short.listed.expires);
        assert_eq!(end(10).await, registry.now() + Duration::from_secs(10));
        tokens::delete(registry, &session, "acme", &client_id, &short.listed.uuid).await.unwrap();
        let gone = create(&caller, 10).await;
        assert!(matches!(gone, Err(Error::Unauthenticated)), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn a_code_of_somebody_disabled_is_worth_nothing() {
    let place = Place::open().await;
    let registry = &place.registry;
    let session = place.in_session(place.superuser("root").await).await;
    let made = application(&place, &session).await;
    for (standing, good) in [(Standing::Enabled, true), (Standing::Disabled, false)] {
        let request = AuthorizationRequest {
            client_id: made.client_id.clone(),
            redirect_uri: CALLBACK.into(),
            scope: "repo:read".into(),
            response_type: "code".into(),
            state: None,
        };
        let answer = authorize::decide(registry, &session, request, CALLBACK, Consent::Given).await.unwrap();
        let code = answer.expose_secret().split_once("?code=").unwrap().1.split('&').next().unwrap();
        operator::set_standing(registry, "root", standing).await.unwrap();
        let shown = Exchange {
            client_id: made.client_id.clone(),
            client_secret: made.client_secret.clone(),
            redirect_uri: CALLBACK.into(),
            code: code.to_owned().into(),
        };
        let answer = exchange::exchange(registry, shown, Origin::default()).await.unwrap();
        assert_eq!(matches!(answer, Exchanged::Token(_)), good, "{answer:?}");
    }
}

#[tokio::test]
async fn wrong_passwords_make_the_next_one_wait_from_whichever_door_it_comes() {
    let place = Place::open().await;
    let registry = &place.registry;
    for name in ["alice", "bob"] {
        add(registry, name).await;
    }
    for user in ["alice", "nobody"] {
        for _ in 0..3 {
            assert_eq!(sign_in(registry, user, "wrong").await, None);
        }
        for _ in 0..2 {
            assert_eq!(pause(registry, user, "wrong", from("192.0.2.1")).await, None);
        }
        // Not even the right password is looked at now.
        assert_eq!(pause(registry, user, PASSWORD, from("192.0.2.1")).await, Some(1), "{user}");
        let form = sessions::sign_in(registry, user, PASSWORD, None, from("192.0.2.1")).await;
        assert!(matches!(form, Err(Error::TooManyAttempts { .. })), "{user}: {form:?}");
        place.clock.advance(Duration::from_secs(1));
        assert_eq!(pause(registry, user, "wrong", from("192.0.2.1")).await, None);
        assert_eq!(pause(registry, user, "wrong", from("192.0.2.1")).await, Some(2), "{user}");
    }
    // Nobody else waits: not alice elsewhere, not bob here, not alice's token or session.
    assert_eq!(pause(registry, "alice", PASSWORD, from("192.0.2.2")).await, None);
    assert_eq!(pause(registry, "bob", PASSWORD, from("192.0.2.1")).await, None);
    let elsewhere = sessions::sign_in(registry, "alice", PASSWORD, None, from("192.0.2.2")).await.unwrap();
    assert!(holder(registry, &elsewhere.unwrap()).await.is_some());
    assert_eq!(pause(registry, "$oauthtoken", "wrong", from("192.0.2.1")).await, None);

    place.clock.advance(Duration::from_secs(2));
    assert!(sign_in(registry, "alice", PASSWORD).await.is_some());
    assert_eq!(pause(registry, "alice", "wrong", from("192.0.2.1")).await, None, "the count is cleared");
}

#[tokio::test]
async fn what_can_be_no_password_is_refused_without_work() {
    let place = Place::open().await;
    add(&place.registry, "alice").await;
    let long = "x".repeat(1 << 20);
    let begun = Instant::now();
    for _ in 0..100 {
        assert_eq!(pause(&place.registry, "alice", &long, from("192.0.2.1")).await, None);
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let place = Place::open().await;
    add(&place.registry, "alice").await;
    let mut least = [Duration::MAX; 2];
    for round in 0..6 {
        for (least, user) in least.iter_mut().zip(["alice", "nobody"]) {
            let begun = Instant::now();
            pause(&place.registry, user, "wrong", from(&format!("192.0.2.{round}"))).await;
            *least = begun.elapsed().min(*least);
        }
    }
    let [known, unknown] = least;
    // Without the hash it would be a thousandth. Whatever else the machine does makes it longer.
    assert!(unknown > known / 8, "{known:?} {unknown:?}");
}

#[tokio::test]
async fn who_is_disabled_can_show_nothing_and_comes_back_with_all_but_their_sessions() {
    each_engine(async |store| {
        let place = Place::on(store).await;
        let registry = &place.registry;
        add(registry, "alice").await;
        let cookie = sign_in(registry, "alice", PASSWORD).await.unwrap();
        let caller = holder(registry, &cookie).await.unwrap();
        let person = support::Person(caller.account().unwrap().id);
        let token = place.token(person, &[Scope::RepoRead]).await;
        let by_token =
            async || authenticate::access_token(registry, &token, Origin::default()).await.unwrap().is_some();
        assert!(by_token().await);
        operator::set_standing(registry, "alice", Standing::Disabled).await.unwrap();
        assert!(!by_token().await);
        assert!(holder(registry, &cookie).await.is_none());
        assert_eq!(sign_in(registry, "alice", PASSWORD).await, None);
        operator::set_standing(registry, "alice", Standing::Enabled).await.unwrap();
        assert!(by_token().await);
        assert!(holder(registry, &cookie).await.is_none());
        let cookie = sign_in(registry, "alice", PASSWORD).await.unwrap();
        operator::reset_password(registry, "alice", "another-long-one").await.unwrap();
        assert!(holder(registry, &cookie).await.is_none());
        assert_eq!(sign_in(registry, "alice", PASSWORD).await, None);
        assert!(sign_in(registry, "alice", "another-long-one").await.is_some());
        for name in ["nobody", "ALICE", ""] {
            let missing = operator::set_standing(registry, name, Standing::Disabled).await;
            assert!(matches!(missing, Err(Error::NoAccount)), "{name}: {missing:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn to_check_an_access_token_is_one_look() {
    let place = Place::open().await;
    let registry = &place.registry;
    let alice = place.user("alice").await;
    let token = place.token(alice, &[Scope::RepoRead]).await;
    for _ in 0..2000 {
        place.token(alice, &[Scope::RepoRead]).await;
    }
    let rounds: u32 = 2000;
    let begun = Instant::now();
    for _ in 0..rounds {
        assert!(authenticate::access_token(registry, &token, Origin::default()).await.unwrap().is_some());
    }
    let each = begun.elapsed() / rounds;
    println!("{each:?} to check a token");
    // A password takes a hundred times as long at least.
    assert!(each < Duration::from_millis(2), "{each:?}");
}
