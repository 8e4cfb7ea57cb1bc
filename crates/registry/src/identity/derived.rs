//! Secrets that their owners can be shown again, as Quay does with a robot's token. They are not stored: each is derived
//! from the registry's secret key and a random text in the row of what it belongs to, the nonce. A new nonce is a new
//! secret. Who can read the database can compute them, as they could sign registry tokens.

use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use wharfinger_store::{Db, secret_key};

use crate::{Result, secrets};

/// Letters and digits of every derived secret, as Quay writes them.
const ALPHABET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Bytes from here on are thrown away, so that every letter is as likely.
const FAIR: u8 = 252;
/// Length of a nonce in letters and digits: about 190 bits.
pub(crate) const NONCE_LENGTH: usize = 32;

/// What a secret is for. Equal nonces for different purposes give different secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The password of a robot.
    RobotToken,
    /// The secret of an OAuth 2 application.
    ClientSecret,
    /// The secret half of an app-specific token.
    AppToken,
    /// The half of a page's cookie that shows that this registry gave it out.
    PageCookie,
    /// What clients take instead of a user's password.
    ClientKey,
    /// What proves to an OIDC issuer that who comes back is who was sent (RFC 7636).
    CodeVerifier,
}

impl Purpose {
    /// What goes into the derivation. Never changed: every secret would be another.
    fn label(self) -> &'static [u8] {
        match self {
            Self::RobotToken => b"robot token",
            Self::ClientSecret => b"client secret",
            Self::AppToken => b"app token",
            Self::PageCookie => b"page cookie",
            Self::ClientKey => b"client key",
            Self::CodeVerifier => b"code verifier",
        }
    }

    /// How many letters the secret has, as in Quay.
    fn length(self) -> usize {
        match self {
            Self::RobotToken | Self::ClientKey | Self::CodeVerifier => 64,
            Self::ClientSecret | Self::PageCookie => 40,
            Self::AppToken => 60,
        }
    }

    /// Whether a text looks like such a secret.
    pub(super) fn can_be(self, text: &str) -> bool {
        text.len() == self.length() && text.bytes().all(|byte| ALPHABET.contains(&byte))
    }
}

/// The key that secrets are derived from.
pub(crate) struct SecretKey(hmac::Key);

impl SecretKey {
    /// Reads the key from the store, and makes it if there is none.
    pub(crate) async fn load(db: &Db) -> Result<Self> {
        let proposed = secrets::random::<32>()?;
        let key = db.write::<_, crate::Error, _>(move |tx| Ok(secret_key::make_once(tx, &proposed)?)).await?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The secret that belongs to the nonce: HMAC-SHA-256 in counter mode (NIST SP 800-108), written in letters and
    /// digits.
    pub(crate) fn derive(&self, purpose: Purpose, nonce: &str) -> SecretString {
        let letters = (0_u32..).flat_map(|counter| self.block(counter, purpose, nonce));
        letters.take(purpose.length()).collect::<String>().into()
    }

    /// Whether `sent` is the secret that belongs to the nonce, after the same time wherever they differ.
    pub(crate) fn matches(&self, purpose: Purpose, nonce: &str, sent: &str) -> bool {
        secrets::same(self.derive(purpose, nonce).expose_secret().as_bytes(), sent.as_bytes())
    }

    fn block(&self, counter: u32, purpose: Purpose, nonce: &str) -> impl Iterator<Item = char> {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&counter.to_be_bytes());
        context.update(purpose.label());
        context.update(&[0]);
        context.update(nonce.as_bytes());
        let block: Vec<u8> = context.sign().as_ref().to_vec();
        let fair = block.into_iter().filter(|byte| *byte < FAIR);
        fair.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]))
    }
}

/// A new nonce.
pub(crate) fn new_nonce() -> Result<String> {
    secrets::random_text(NONCE_LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &[u8]) -> SecretKey {
        SecretKey(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    fn derived(secret: &[u8], purpose: Purpose, nonce: &str) -> String {
        key(secret).derive(purpose, nonce).expose_secret().to_owned()
    }

    #[test]
    fn a_secret_is_always_the_same_and_none_like_that_of_another_key_purpose_or_nonce() {
        let secret = derived(b"key", Purpose::RobotToken, "nonce");
        assert_eq!(secret, derived(b"key", Purpose::RobotToken, "nonce"));
        for other in [
            derived(b"yek", Purpose::RobotToken, "nonce"),
            derived(b"key", Purpose::AppToken, "nonce"),
            derived(b"key", Purpose::ClientSecret, "nonce"),
            derived(b"key", Purpose::RobotToken, "nonce2"),
        ] {
            assert_ne!(other[..40], secret[..40]);
        }
    }

    #[test]
    fn a_release_never_changes_the_secrets_that_are_in_use() {
        assert_eq!(
            derived(b"key", Purpose::RobotToken, "nonce"),
            "PIQW272JYZE2S7XNNXE5XE7MC1ZMVOMGSTDL8J0F4ZP4GEWUF0DI6L3UTE0F6NEV"
        );
    }

    #[test]
    fn secrets_have_quays_lengths_and_letters() {
        for (purpose, length) in
            [(Purpose::RobotToken, 64), (Purpose::ClientSecret, 40), (Purpose::AppToken, 60)]
        {
            let secret = derived(b"key", purpose, "nonce");
            assert_eq!(secret.len(), length);
            assert!(secret.bytes().all(|byte| ALPHABET.contains(&byte)), "{secret}");
        }
    }

    #[test]
    fn every_letter_is_as_likely() {
        let mut counts = [0_u32; 128];
        for nonce in 0..1000 {
            for byte in derived(b"key", Purpose::RobotToken, &nonce.to_string()).bytes() {
                counts[usize::from(byte)] += 1;
            }
        }
        let expected = 64.0 * 1000.0 / 36.0;
        // Of 35 degrees of freedom: one fair choice of a key in a million is above this.
        let chi: f64 = ALPHABET
            .iter()
            .map(|letter| (f64::from(counts[usize::from(*letter)]) - expected).powi(2) / expected)
            .sum();
        assert!(chi < 90.0, "{chi}");
    }

    #[test]
    fn only_the_whole_secret_matches() {
        let key = key(b"key");
        let secret = key.derive(Purpose::AppToken, "nonce");
        let secret = secret.expose_secret();
        assert!(key.matches(Purpose::AppToken, "nonce", secret));
        for wrong in ["", &secret[1..], &secret.to_lowercase(), &format!("{secret}A")] {
            assert!(!key.matches(Purpose::AppToken, "nonce", wrong), "{wrong}");
        }
    }
}
