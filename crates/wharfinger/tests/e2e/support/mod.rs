//! What every test needs: a running registry, people in it, images, and calls whose answers are looked at whole.

mod answer;
mod image;
mod people;
mod postgres;
mod server;

pub use answer::{Answer, Call};
pub use image::Image;
pub use people::ADMIN_PASSWORD;
pub use server::{Engine, Server};

/// Runs a test on every engine that is there.
pub fn each_engine(test: impl Fn(Server)) {
    test(Server::start(Engine::Sqlite));
    if postgres::url().is_some() {
        test(Server::start(Engine::Postgres));
    }
}
