//! Manifests and blobs over the distribution API.

use wharfinger_model::Digest;

use super::people::OAUTH_USER;
use super::{Answer, Call, Image, Server};

impl Server {
    /// The answer of the token endpoint to these scopes, each a parameter of its own.
    pub(crate) fn ask_token(&self, user: &str, password: &str, scopes: &[&str]) -> Answer {
        let query: String = scopes.iter().map(|scope| format!("&scope={scope}")).collect();
        self.call("GET", &format!("/v2/auth?service=test{query}")).basic(user, password).send()
    }

    /// A token of the distribution API for these scopes.
    #[track_caller]
    pub(crate) fn registry_token(&self, user: &str, password: &str, scopes: &[&str]) -> String {
        let answer = self.ask_token(user, password, scopes);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// A token of the first user for pulling from and pushing to a repository.
    #[track_caller]
    pub(crate) fn push_token(&self, repository: &str) -> String {
        self.registry_token(OAUTH_USER, &self.admin, &[&format!("repository:{repository}:pull,push")])
    }

    /// A request below `/v2/<repository>/` by the holder of a registry token.
    pub(crate) fn v2(&self, token: &str, method: &str, repository: &str, rest: &str) -> Call {
        self.call(method, &format!("/v2/{repository}/{rest}")).bearer(token)
    }

    /// Sends a blob in one piece.
    pub(crate) fn push_blob(&self, token: &str, repository: &str, blob: &[u8]) -> Call {
        let rest = format!("blobs/uploads/?digest={}", Digest::sha256(blob));
        self.v2(token, "POST", repository, &rest).body("application/octet-stream", blob)
    }

    /// Sends a manifest whose blobs are there.
    pub(crate) fn push_manifest(
        &self,
        token: &str,
        repository: &str,
        reference: &str,
        image: &Image,
    ) -> Call {
        self.v2(token, "PUT", repository, &format!("manifests/{reference}"))
            .body(image.media_type, image.manifest.clone())
    }

    /// Pushes an image by the first user and answers with its digest. The reference is a tag or its digest.
    #[track_caller]
    pub(crate) fn push(&self, repository: &str, reference: &str, image: &Image) -> String {
        let token = self.push_token(repository);
        self.push_with(&token, repository, reference, image);
        image.digest()
    }

    /// The same by the holder of a registry token.
    #[track_caller]
    pub(crate) fn push_with(&self, token: &str, repository: &str, reference: &str, image: &Image) {
        for blob in &image.blobs {
            self.push_blob(token, repository, blob).send().is_empty(201);
        }
        let answer = self.push_manifest(token, repository, reference, image).send();
        answer.is_empty(201);
        assert_eq!(answer.header("docker-content-digest"), Some(image.digest().as_str()));
        let location = format!("/v2/{repository}/manifests/{}", image.digest());
        assert_eq!(answer.header("location"), Some(location.as_str()));
    }

    /// The answer to a pull by the first user.
    pub(crate) fn ask_pull(&self, repository: &str, reference: &str) -> Answer {
        let token = self.push_token(repository);
        self.v2(&token, "GET", repository, &format!("manifests/{reference}")).send()
    }

    /// What a pull gives: the digest of the bytes, or the code of the refusal.
    #[track_caller]
    pub(crate) fn pull(&self, repository: &str, reference: &str) -> Result<String, String> {
        let answer = self.ask_pull(repository, reference);
        match answer.status {
            200 => Ok(Digest::sha256(&answer.body).to_string()),
            404 => Err(answer.json()["errors"][0]["code"].as_str().unwrap().to_owned()),
            _ => panic!("{answer:?}"),
        }
    }
}
