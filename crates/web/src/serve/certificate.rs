//! The certificate that TLS shows: two PEM files, read again when they change.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
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

    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        self.0.provider.clone()
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
        let chain = chain(&self.chain).map_err(|what| CertificateError::Chain(self.chain.clone(), what))?;
        let of_key = |what| CertificateError::Key(self.key.clone(), what);
        let key = key(&self.key).map_err(of_key)?;
        let signing = provider.key_provider.load_private_key(key);
        let pair = CertifiedKey::new(chain, signing.map_err(|error| of_key(Unusable::Unsupported(error)))?);
        match pair.keys_match() {
            // Not every kind of key can be compared.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(pair),
            Err(rustls::Error::InconsistentKeys(_)) => Err(of_key(Unusable::Mismatch)),
            Err(error) => Err(CertificateError::Chain(self.chain.clone(), Unusable::Unsupported(error))),
        }
    }
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    const KIND: Unusable = Unusable::NotPem("CERTIFICATE");
    let chain = CertificateDer::pem_slice_iter(&fs::read(file)?).collect::<Result<Vec<_>, pem::Error>>();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or(KIND)
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Unusable> {
    PrivateKeyDer::from_pem_slice(&fs::read(file)?).map_err(|_| Unusable::NotPem("PRIVATE KEY"))
}
