//! Telling those who wait for an export. Clients name them, so they are told by the same rules by which others are asked.

use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use url::Url;
use wharfinger_registry::exports::{CallbackError, CallbackUrl, Callbacks, Posting, Report};

use crate::{Failure, Outbound, Reach, check, within_patience};

impl Outbound {
    /// How far a callback may reach. There is nothing but its own word for what it is, so its origin has to be named.
    fn reach_of_callback(&self, url: &CallbackUrl) -> Reach {
        let named = |internal: &CallbackUrl| internal.url().origin() == url.url().origin();
        Reach::internal_if(self.internal_callbacks.iter().any(named))
    }

    async fn tell(&self, url: &CallbackUrl, report: &Report) -> Result<(), Failure> {
        let body = serde_json::to_vec(report).map_err(Failure::unreachable)?;
        let request =
            |client: &Client, url: Url| client.post(url).header(CONTENT_TYPE, "application/json").body(body);
        let (answer, _) = self.send(url.url().clone(), self.reach_of_callback(url), request).await?;
        // What else it says is nobody's business: it is not even read.
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(Failure::Unfit(format!("the answer is {status}"))) }
    }
}

impl Callbacks for Outbound {
    fn check(&self, url: &CallbackUrl) -> Result<(), CallbackError> {
        Ok(check(url.url(), self.reach_of_callback(url))?)
    }

    fn post<'a>(&'a self, url: &'a CallbackUrl, report: &'a Report) -> Posting<'a> {
        Box::pin(async move { Ok(within_patience(self.tell(url, report)).await?) })
    }
}

impl From<Failure> for CallbackError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Forbidden(why) => Self::Forbidden(why),
            Failure::Unreachable(why) | Failure::Unfit(why) => Self::Failed(why),
        }
    }
}
