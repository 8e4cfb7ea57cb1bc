//! What every test needs: a running registry, people in it, images, and calls whose answers are looked at whole.

mod answer;
mod asked;
mod browser;
mod content;
mod image;
mod issuer;
mod people;
mod postgres;
mod raw;
mod receiver;
mod schema;
mod server;
mod tags;
mod tls;
mod webdriver;

pub(crate) use answer::{Answer, Call};
pub(crate) use browser::Browser;
pub(crate) use image::{INDEX, Image, MANIFEST};
pub(crate) use issuer::{Exchange, Issuer, ServedIssuer, thumbprint};
pub(crate) use people::{ADMIN_PASSWORD, EVERY_SCOPE};
pub(crate) use receiver::{Post, Receiver};
pub(crate) use schema::Schemas;
pub(crate) use server::{Engine, PATIENCE, Server};
pub(crate) use tags::{date, now_s, tag_path, tick};
pub(crate) use tls::{Connection, Pair, get};
pub(crate) use webdriver::{Chromium, ENTER, Scripts, TAB};

/// Runs a test on every engine that is there.
pub(crate) fn each_engine(test: impl Fn(Server)) {
    for engine in engines() {
        test(Server::start(engine));
    }
}

/// The engines that are there.
pub(crate) fn engines() -> Vec<Engine> {
    let postgres = postgres::url().map(|_| Engine::Postgres);
    [Some(Engine::Sqlite), postgres].into_iter().flatten().collect()
}
