//! The least that can be asked of a server: whether it is ready, and what its clock says.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::Method;

use super::{BackendError, Http, bare, from_reqwest};

impl Http {
    /// Whether `GET path` is answered with success.
    ///
    /// # Errors
    /// [`BackendError::Status`] with what the server says instead, or as [`Http::get`].
    pub async fn ready(&self, path: &str) -> Result<(), BackendError> {
        let (status, body) = self.get(path, &[]).await?;
        if status.is_success() {
            Ok(())
        } else {
            Err(self.status_error(path, status, &body))
        }
    }

    /// The time of a server by the `Date` of its answer to `GET path`, whatever the answer is: whole
    /// seconds (RFC 9110, section 6.6.1). `None` when it tells none.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn date(&self, path: &str) -> Result<Option<Timestamp>, BackendError> {
        let url = self.endpoint(path)?;
        let plain = bare(&url);
        let request = self.client.request(Method::GET, url);
        let response = request
            .send()
            .await
            .map_err(|error| from_reqwest(&plain, &error))?;
        let date = response.headers().get("date");
        // An HTTP-date is a date of mail in the zone GMT.
        Ok(date.and_then(|date| DateTimeParser::new().parse_timestamp(date.as_bytes()).ok()))
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    #[tokio::test]
    async fn a_server_tells_its_time_and_whether_it_is_ready() {
        let server = MockServer::start().await;
        let dated = ResponseTemplate::new(503)
            .insert_header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
            .set_body_string("warming up");
        let mock = Mock::given(path("/ready")).respond_with(dated);
        mock.mount(&server).await;
        let http = Http::new(&server.uri().parse().unwrap()).unwrap();
        let date = http.date("ready").await.unwrap().unwrap();
        assert_eq!(date.to_string(), "1994-11-06T08:49:37Z");
        let error = http.ready("ready").await.unwrap_err().to_string();
        assert!(
            error.ends_with("/ready answered 503: warming up"),
            "{error}"
        );
    }
}
