//! `GET /openapi.json`: what programs can ask, as the `OpenAPI` Specification 3.1 has it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::{App, Choice};

/// The document, with the choices of an app that nothing else is said to.
const DOCUMENT: &str = include_str!("../openapi.json");

/// Where the choices stand in it (RFC 6901).
const CHOICES: &str = "/components/schemas/Choice/enum";

/// The document of an app with these choices.
///
/// # Errors
/// When the document that is part of the program is none; a test sees that it is.
fn document(choices: &[Choice]) -> serde_json::Result<Value> {
    let mut document: Value = serde_json::from_str(DOCUMENT)?;
    if let Some(known) = document.pointer_mut(CHOICES) {
        *known = choices.iter().map(|choice| choice.id.as_str()).collect();
    }
    Ok(document)
}

pub(crate) async fn show(State(app): State<Arc<App>>) -> Response {
    // It is asked for seldom.
    let document = document(&app.config.choices)
        .map_or_else(|_| DOCUMENT.to_owned(), |document| document.to_string());
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::http::StatusCode;
    use voteops_queue::{MAX_KEY_CHARS, MAX_VOTER_CHARS};

    use super::*;
    use crate::reply::Reason;

    fn shipped() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    #[test]
    fn it_names_this_version_and_these_bounds() {
        let document = shipped();
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let voter = &document["components"]["schemas"]["Voter"];
        assert_eq!(voter["maxLength"], MAX_VOTER_CHARS);
        let page = &document["components"]["schemas"]["Form"]["properties"]["page"];
        assert_eq!(page["maxLength"], MAX_KEY_CHARS);
        let key = &document["paths"]["/vote"]["post"]["parameters"][0];
        assert_eq!(key["name"], "Idempotency-Key");
        assert_eq!(key["schema"]["maxLength"], MAX_KEY_CHARS);
    }

    #[test]
    fn it_has_every_reason_and_the_status_of_each() {
        let document = shipped();
        let known = &document["components"]["schemas"]["Refusal"]["properties"]["error"]["enum"];
        let known: BTreeSet<_> = known
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let fault = Reason::Fault(StatusCode::INTERNAL_SERVER_ERROR);
        let others = [
            Reason::LedgerAway,
            Reason::LiveFull,
            Reason::NotFound,
            Reason::MethodNotAllowed,
            fault,
        ];
        let reasons = Reason::OF_VOTES.into_iter().chain(others);
        assert_eq!(known, reasons.map(Reason::slug).collect());
        let answers = &document["paths"]["/vote"]["post"]["responses"];
        for reason in Reason::OF_VOTES {
            let status = reason.status().as_str().to_owned();
            assert!(answers.get(&status).is_some(), "{reason:?}: {status}");
        }
    }

    #[test]
    fn it_has_the_choices_of_the_app() {
        let choice = Choice {
            id: "owls".to_owned(),
            label: "Owls".to_owned(),
        };
        let document = document(&[choice]).unwrap();
        assert_eq!(
            document.pointer(CHOICES),
            Some(&serde_json::json!(["owls"]))
        );
    }
}
