//! What can go wrong with bytes.

use std::io;

use rustix::io::Errno;
use tokio::task::JoinError;

/// Short for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the storage did not do what it was asked. No text holds a path.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No space is left, or none that this program may use.
    #[error("the blob storage is full")]
    Full,
    /// Somebody else is writing to the upload.
    #[error("the upload is being written to")]
    Busy,
    /// The bytes are not what the digest says.
    #[error("the content does not match the digest")]
    DigestMismatch,
    /// The upload is not there, or not as much of it as was acknowledged.
    #[error("the upload is not there any more")]
    UploadLost,
    /// What was remembered of an upload can't be read.
    #[error("the state of an upload is damaged")]
    DamagedState,
    /// Too many files are open; it works again when others are closed.
    #[error("too many files are open")]
    TooManyFiles,
    /// The storage itself failed.
    #[error("blob storage: {0}")]
    Io(io::Error),
}

impl Error {
    /// For who goes on with an appender that has failed.
    pub(crate) fn broken_appender() -> Self {
        Self::Io(io::Error::new(io::ErrorKind::BrokenPipe, "the part has failed before"))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        // The kinds of the standard library have no name for it.
        let code = error.raw_os_error().map(Errno::from_raw_os_error);
        match error.kind() {
            _ if matches!(code, Some(Errno::MFILE | Errno::NFILE)) => Self::TooManyFiles,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error),
        }
    }
}

impl From<Errno> for Error {
    fn from(error: Errno) -> Self {
        io::Error::from(error).into()
    }
}

impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        let text = if error.is_panic() { "work on the disk panicked" } else { "the program is stopping" };
        Self::Io(io::Error::other(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_told_apart_from_what_does_not() {
        let error = |errno: Errno| Error::from(io::Error::from(errno));
        assert!(matches!(error(Errno::MFILE), Error::TooManyFiles));
        assert!(matches!(error(Errno::NFILE), Error::TooManyFiles));
        assert!(matches!(error(Errno::NOSPC), Error::Full));
        assert!(matches!(error(Errno::DQUOT), Error::Full));
        assert!(matches!(error(Errno::IO), Error::Io(_)));
    }
}
