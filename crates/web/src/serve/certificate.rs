//! The certificate that TLS shows: two PEM files, read again when they change.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// A certificate with its chain, and the private key that belongs to it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Certificate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: Files,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
    /// How the files looked when they were last read, whether or not they made a certificate.
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Files {
    chain: PathBuf,
    key: PathBuf,
}

/// The chain and the key; none where there is no file.
type Seen = [Option<Look>; 2];

/// How a file looks from outside: tells two states of it apart without reading them. Links are followed, so those that
/// Kubernetes swaps look different, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    /// When anything about it last changed, in seconds and nanoseconds.
    changed: (i64, i64),
}

/// Why a certificate can't be used, and which of its files is at fault.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file of the certificate and its chain.
    #[error("can't use the certificate in `{}`: {}", .0.display(), .1)]
    Chain(PathBuf, Unusable),
    /// The file of the private key.
    #[error("can't use the private key in `{}`: {}", .0.display(), .1)]
    Key(PathBuf, Unusable),
}

impl CertificateError {
    /// Whether it can be over although the files look the same, as when there were too many of them open.
    fn may_pass(&self) -> bool {
        let (Self::Chain(_, what) | Self::Key(_, what)) = self;
        matches!(what, Unusable::Unreadable(_))
    }
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The system does not let us read it.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// It is not PEM, or holds other things.
    #[error("it is not PEM with a `{0}` in it")]
    NotPem(&'static str),
    /// It is a key that only a password opens.
    #[error("it is protected by a password: write it without one, as `openssl pkey` does")]
    Encrypted,
    /// It is of another version of X.509 than the one that TLS uses today.
    #[error("it is a certificate of X.509 version 1 or 2: make one of version 3")]
    OldVersion,
    /// The key and the certificate are of two pairs.
    #[error("it does not belong to the certificate")]
    Mismatch,
    /// TLS can do nothing with it.
    #[error(transparent)]
    Unsupported(rustls::Error),
}

impl Certificate {
    /// Reads a certificate, followed by the chain that leads to its root, and its key in PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    /// When they can't be read, or don't belong together.
    pub fn open(chain: PathBuf, key: PathBuf) -> Result<Self, CertificateError> {
        let files = Files { chain, key };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let seen = Mutex::new(files.look());
        let current = RwLock::new(Arc::new(files.read(&provider)?));
        Ok(Self(Arc::new(Inner { files, provider, current, seen })))
    }

    /// Reads the files again if they have changed since they were last read, and tells whether they had. Handshakes
    /// that begin from now on show the new certificate.
    ///
    /// # Errors
    /// As [`Self::open`]: the old certificate stays then, until the files change again. Files that can't be read are
    /// tried every time.
    pub fn refresh(&self) -> Result<Refreshed, CertificateError> {
        let Inner { files, provider, current, seen } = &*self.0;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the reading: what changes in its midst looks different the next time.
        let now = files.look();
        if *seen == now {
            return Ok(Refreshed::Unchanged);
        }
        let read = files.read(provider);
        if !read.as_ref().is_err_and(CertificateError::may_pass) {
            *seen = now;
        }
        let new = Arc::new(read?);
        *current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(Refreshed::Replaced)
    }

    /// The file of the certificate that is in use.
    pub fn file(&self) -> &Path {
        &self.0.files.chain
    }

    /// When the certificate that is in use is good. None when it does not say so in a way that can be read.
    pub fn validity(&self) -> Option<Validity> {
        let current = self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        Validity::of(current.cert.first()?)
    }

    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        self.0.provider.clone()
    }
}

/// From when to when a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// In seconds since 1970, UTC.
    pub not_before: u64,
    /// In seconds since 1970, UTC.
    pub not_after: u64,
}

impl Validity {
    /// The parser does not give the two instants away, but says by which of them a certificate is bad at another.
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        const NEVER: u64 = u64::MAX;
        let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
        let fault_at = |second: u64| {
            let time = UnixTime::since_unix_epoch(Duration::from_secs(second));
            let usage = webpki::KeyUsage::server_auth();
            certificate.verify_for_usage(&[], &[], &[], time, usage, None, None).err()
        };
        let not_before = match fault_at(0)? {
            webpki::Error::CertNotValidYet { not_before, .. } => not_before.as_secs(),
            _ => 0,
        };
        match fault_at(NEVER)? {
            webpki::Error::CertExpired { not_after, .. } => {
                Some(Self { not_before, not_after: not_after.as_secs() })
            }
            _ => None,
        }
    }
}

/// What came of looking for a new certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// There is none.
    Unchanged,
    /// It is in use.
    Replaced,
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Files {
    fn look(&self) -> Seen {
        [&self.chain, &self.key].map(|file| {
            let file = fs::metadata(file).ok()?;
            let changed = (file.ctime(), file.ctime_nsec());
            Some(Look { device: file.dev(), inode: file.ino(), size: file.size(), changed })
        })
    }

    fn read(&self, provider: &CryptoProvider) -> Result<CertifiedKey, CertificateError> {
        let of_chain = |what| CertificateError::Chain(self.chain.clone(), what);
        let chain = chain(&self.chain).map_err(of_chain)?;
        let of_key = |what| CertificateError::Key(self.key.clone(), what);
        let key = key(&self.key).map_err(of_key)?;
        let signing = provider.key_provider.load_private_key(key);
        let pair = CertifiedKey::new(chain, signing.map_err(|error| of_key(Unusable::Unsupported(error)))?);
        match pair.keys_match() {
            // Not every kind of key can be compared.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(pair),
            Err(rustls::Error::InconsistentKeys(_)) => Err(of_key(Unusable::Mismatch)),
            Err(error) => Err(of_chain(Unusable::Unsupported(error))),
        }
    }
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    const KIND: Unusable = Unusable::NotPem("CERTIFICATE");
    let chain = CertificateDer::pem_slice_iter(&fs::read(file)?).collect::<Result<Vec<_>, pem::Error>>();
    let chain = chain.map_err(|_| KIND)?;
    match webpki::EndEntityCert::try_from(chain.first().ok_or(KIND)?) {
        Err(webpki::Error::UnsupportedCertVersion) => Err(Unusable::OldVersion),
        _ => Ok(chain),
    }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Unusable> {
    let text = fs::read(file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        // PKCS#8 says it in the first line (RFC 7468, section 11), older forms in a header (RFC 1421, section 4.6.1.1).
        let marks = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];
        let is_marked = |mark: &&str| text.windows(mark.len()).any(|part| part == mark.as_bytes());
        if marks.iter().any(is_marked) { Unusable::Encrypted } else { Unusable::NotPem("PRIVATE KEY") }
    })
}
