//! Random texts that nobody can guess, and what is kept of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, SHA384, digest};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq as _;

use crate::{Error, Result};

/// `N` bytes from the operating system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Internal("no randomness to be had".into()))?;
    Ok(bytes)
}

/// Random letters and digits, about 5.95 bits each.
pub(crate) fn random_text(length: usize) -> Result<String> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // Bytes that don't divide evenly among the letters are thrown away, so every letter is as likely.
        let fair = random::<64>()?.into_iter().filter(|byte| *byte < 248);
        let letters = fair.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
        text.extend(letters.take(length - text.len()));
    }
    Ok(text)
}

/// What is kept of a random secret. A fast hash is enough: there is nothing to guess.
pub(crate) fn hash(secret: &str) -> Vec<u8> {
    digest(&SHA256, secret.as_bytes()).as_ref().to_vec()
}

/// Compares without telling by its time where the difference lies.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// A text of 64 characters that only somebody who has the cookie can know. One for another `purpose` does not tell it.
pub(crate) fn derived_from_cookie(purpose: &str, cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA384, format!("{purpose}:{cookie}").as_bytes()))
}
