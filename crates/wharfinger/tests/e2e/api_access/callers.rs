//! Everybody who calls, what they show, and what that lets them do.

use super::rows::Needs;
use Needs::{
    Admin, AnyCaller, Creator, Inspect, InspectOrganization, Known, Leaving, Member, Myself, Oneself,
    Organization, Owner, Page, Read, ReadEverything, Searching, SignOut, Superuser, Teammate, Wholly, Write,
};

/// Who somebody is, and by what that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    Nothing,
    /// An access token of this user with these scopes.
    Token(&'static str, &'static str),
    /// The same as the password that goes with `$oauthtoken`.
    TokenAsPassword(&'static str, &'static str),
    ExpiredToken(&'static str),
    /// One that was taken back.
    RevokedToken(&'static str),
    /// A session, and the token of its page.
    Session(&'static str),
    /// A session's cookie alone, as a page of somebody else makes the browser send it.
    CookieAlone(&'static str),
    /// A session that is over, since its user was disabled.
    LostSession(&'static str),
    /// Name and password.
    Password(&'static str),
    /// An app-specific token of this user.
    AppToken(&'static str),
    /// This robot's token.
    Robot(&'static str),
    /// A registry token of this user, which is for `/v2`.
    RegistryToken(&'static str),
}
use Shows::{
    AppToken, CookieAlone, ExpiredToken, LostSession, Password, RegistryToken, RevokedToken, Robot, Session,
    Token, TokenAsPassword,
};

/// How a kind of caller is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 401: nobody is known who calls.
    Unknown,
    /// 403: that one may not.
    Forbidden,
}
use Refusal::{Forbidden, Unknown};

/// A kind of caller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) shows: Shows,
    pub(super) refusal: Refusal,
    /// What it may do, besides what asks for nothing.
    pub(super) may: &'static [&'static [Needs]],
}

/// Every scope there is.
pub(super) const EVERY: &str = crate::support::EVERY_SCOPE;
/// Every scope but the superusers'.
pub(super) const NOT_SUPER: &str =
    "org:admin repo:admin repo:create repo:read repo:write user:admin user:read";

// What goes together.
const NOBODY: &[Needs] = &[AnyCaller, SignOut];
const SOMEBODY: &[Needs] = &[AnyCaller, Searching];
/// A user who looks after its own account.
const USER: &[Needs] = &[AnyCaller, Searching, Myself, Known, SignOut, Oneself, Leaving];
const WHOLE: &[Needs] = &[Wholly];
const MAKER: &[Needs] = &[Owner];
const ON_A_PAGE: &[Needs] = &[Page];
const READER: &[Needs] = &[Read];
const WRITER: &[Needs] = &[Read, Write];
const MANAGER: &[Needs] = &[Read, Write, Admin, Inspect];
const MEMBER: &[Needs] = &[Member];
const CREATOR: &[Needs] = &[Creator];
const ORGANIZER: &[Needs] = &[Creator, Member, Teammate, Organization, InspectOrganization];
const SUPERUSER: &[Needs] = &[Superuser, ReadEverything];
const AUDITOR: &[Needs] = &[Read, Inspect, Member, Teammate, InspectOrganization, ReadEverything];

/// The whole matrix: a row for each kind of caller.
pub(super) const CALLERS: &[Caller] = &[
    // Nobody, or whoever can't be told from nobody.
    caller(Shows::Nothing, Unknown, &[NOBODY]),
    caller(ExpiredToken("olga"), Unknown, &[NOBODY]),
    caller(RevokedToken("olga"), Unknown, &[NOBODY]),
    caller(Token("disabled", EVERY), Unknown, &[NOBODY]),
    caller(LostSession("disabled"), Unknown, &[NOBODY, ON_A_PAGE]),
    caller(RegistryToken("olga"), Unknown, &[]),
    // By access token.
    caller(Token("stranger", EVERY), Forbidden, &[USER, WHOLE, MAKER]),
    caller(Token("reader", EVERY), Forbidden, &[USER, WHOLE, MAKER, READER]),
    caller(Token("writer", EVERY), Forbidden, &[USER, WHOLE, MAKER, WRITER]),
    caller(Token("manager", EVERY), Forbidden, &[USER, WHOLE, MAKER, MANAGER]),
    caller(Token("member", EVERY), Forbidden, &[USER, WHOLE, MAKER, MEMBER, &[Teammate]]),
    caller(Token("creator", EVERY), Forbidden, &[USER, WHOLE, MAKER, MEMBER, CREATOR]),
    caller(Token("olga", EVERY), Forbidden, &[USER, WHOLE, MAKER, MANAGER, ORGANIZER]),
    caller(Token("olga", ""), Forbidden, &[SOMEBODY]),
    // The organization's administrator by everything else that there is.
    caller(TokenAsPassword("olga", EVERY), Forbidden, &[USER, WHOLE, MAKER, MANAGER, ORGANIZER]),
    caller(Session("olga"), Forbidden, &[USER, WHOLE, MAKER, MANAGER, ORGANIZER, ON_A_PAGE]),
    caller(Password("olga"), Forbidden, &[USER, WHOLE, MAKER, MANAGER, ORGANIZER]),
    caller(AppToken("olga"), Forbidden, &[SOMEBODY, MANAGER, CREATOR]),
    // Robots.
    caller(Robot("acme+idle"), Forbidden, &[SOMEBODY]),
    caller(Robot("acme+ci"), Forbidden, &[SOMEBODY, WRITER]),
    caller(Robot("acme+boss"), Forbidden, &[SOMEBODY, MANAGER]),
    // Superusers: what makes one is a session, or a token that says so.
    caller(Token("admin", EVERY), Forbidden, &[USER, WHOLE, MAKER, MANAGER, ORGANIZER, SUPERUSER]),
    caller(Token("admin", "super:user"), Forbidden, &[SOMEBODY, MANAGER, ORGANIZER, SUPERUSER]),
    caller(Token("admin", NOT_SUPER), Forbidden, &[USER, MAKER]),
    caller(Session("admin"), Forbidden, &[USER, WHOLE, MAKER, MANAGER, ORGANIZER, SUPERUSER, ON_A_PAGE]),
    caller(Password("admin"), Forbidden, &[USER, WHOLE, MAKER]),
    // Who reads everything, and writes nothing but about itself.
    caller(Token("auditor", EVERY), Forbidden, &[USER, WHOLE, AUDITOR]),
    caller(Token("auditor", NOT_SUPER), Forbidden, &[USER]),
    caller(Session("auditor"), Forbidden, &[USER, WHOLE, AUDITOR, ON_A_PAGE]),
    caller(Password("auditor"), Forbidden, &[USER, WHOLE, AUDITOR]),
    // A page of somebody else makes the browser ask: it is told what may be read, and changes nothing.
    caller(CookieAlone("olga"), Forbidden, &[USER, WHOLE, MAKER, MANAGER, ORGANIZER]),
    caller(CookieAlone("admin"), Forbidden, &[USER, WHOLE, MAKER, MANAGER, ORGANIZER, SUPERUSER]),
];

const fn caller(shows: Shows, refusal: Refusal, may: &'static [&'static [Needs]]) -> Caller {
    Caller { shows, refusal, may }
}

impl Caller {
    /// The status by which this one is refused what needs that, by a method that reads or doesn't; `None` if it may.
    pub(super) fn refused(&self, needs: Needs, reads: bool) -> Option<u16> {
        let foreign = matches!(self.shows, CookieAlone(_)) && !reads;
        // There even credentials that are worth nothing do no harm.
        let may = self.may.iter().any(|together| together.contains(&needs));
        if needs == Needs::Nothing || may && !foreign {
            return None;
        }
        Some(match (needs, self.refusal) {
            _ if matches!(self.shows, RegistryToken(_)) => 401,
            (Myself, _) => 401,
            // Whoever is on no page of ours is told that first.
            (Page, _) | (_, Forbidden) => 403,
            (_, Unknown) => 401,
        })
    }

    /// Whether trying everything would take too long: a password is hashed slowly on purpose. What it is worth is found
    /// out in one place for all operations, so one of each kind will do.
    pub(super) fn is_slow(&self) -> bool {
        matches!(self.shows, Password(_))
    }
}
