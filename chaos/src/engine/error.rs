//! What can go wrong with an engine.

use bollard::errors::Error as ApiError;
use voteops_observability::text::clean_line;

use super::{Address, tls};

/// What a Go server that speaks TLS answers to a request without it.
const TO_PLAIN: &str = "HTTP request to an HTTPS server";

/// Why an engine did not do as it was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// There is no engine where engines usually are.
    #[error(
        "no container engine is found: neither Docker's nor Podman's socket is there; name it with \
         --engine or DOCKER_HOST"
    )]
    None,
    /// The context that is in use is not there.
    #[error(
        "Docker's context {name:?} is in use and not there; `docker context ls` lists them, and --engine or \
         DOCKER_HOST names an engine without one"
    )]
    NoContext {
        /// The context.
        name: String,
    },
    /// It cannot be the address of one.
    #[error(
        "{address:?} is not the address of a container engine: {reason}; give unix:///PATH, tcp://HOST:PORT, or \
         https://HOST:PORT#DIRECTORY with its certificates"
    )]
    Address {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nobody answers there.
    #[error(
        "the container engine at {address} cannot be asked: {reason}; does it run, and may this user ask it?"
    )]
    Away {
        /// The address.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// A certificate or key for it cannot be used.
    #[error(
        "the certificates of the container engine cannot be used: {path}: {reason}; DOCKER_CERT_PATH, or what \
         follows the # of its address, is the directory with ca.pem, cert.pem and key.pem"
    )]
    Certificates {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot prove to be what it is taken for.
    #[error(
        "the container engine at {address} is none that ca.pem there vouches for ({reason}); does ca.pem belong to \
         it, and is it called so in its certificate?"
    )]
    Untrusted {
        /// The address.
        address: String,
        /// What its certificate lacks.
        reason: String,
    },
    /// It does not let this client in.
    #[error(
        "the container engine at {address} lets in nobody without a certificate that it trusts ({reason}); put \
         cert.pem and key.pem, signed by the authority of its --tlscacert, into that directory"
    )]
    Unidentified {
        /// The address.
        address: String,
        /// What it said.
        reason: String,
    },
    /// It was asked over TLS, which it does not speak.
    #[error(
        "what listens at {address} does not speak TLS ({reason}); without it, give tcp://HOST:PORT and leave \
         DOCKER_TLS_VERIFY unset"
    )]
    NoTls {
        /// The address.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// It was asked without TLS, which it wants.
    #[error(
        "the container engine at {address} speaks TLS only; set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or give \
         https://HOST:PORT#DIRECTORY with its certificates"
    )]
    WantsTls {
        /// The address.
        address: String,
    },
    /// It does not answer in time.
    #[error(
        "the container engine at {address} does not answer within {patience_s} s; does it hang?"
    )]
    Slow {
        /// The address.
        address: String,
        /// How long it was given, in seconds.
        patience_s: f64,
    },
    /// A program that was run in a container does not end.
    #[error(
        "what was run in {container} does not end within {patience_s} s; does it hang, or is its machine busy?"
    )]
    Unfinished {
        /// The container.
        container: String,
        /// How long it was given, in seconds.
        patience_s: f64,
    },
    /// It has no such container.
    #[error("there is no such container any more")]
    NoContainer,
    /// It answered that it does not do it.
    #[error("the container engine says: {0}")]
    Refused(String),
    /// What it answered is not what an engine answers.
    #[error("the container engine at {address} is not understood: {reason}")]
    Foreign {
        /// The address.
        address: String,
        /// What was wrong.
        reason: String,
    },
    /// The system gave no means to ask it.
    #[error("the container engine cannot be asked: {0}")]
    NoRuntime(String),
}

impl EngineError {
    /// What an answer of the engine, or the lack of one, means.
    pub(super) fn of(address: &Address, error: ApiError) -> Self {
        let address = address.to_string();
        match error {
            ApiError::DockerResponseServerError {
                status_code: 404,
                message,
            } if is_of_container(&message) => Self::NoContainer,
            // By another one nothing is told of a container: some other server may be listening there.
            ApiError::DockerResponseServerError {
                status_code: 404,
                message,
            }
            | ApiError::JsonDataError { message, .. } => Self::Foreign {
                address,
                reason: clean_line(&message).into_owned(),
            },
            ApiError::DockerResponseServerError {
                status_code: 400,
                message,
            } if message.contains(TO_PLAIN) => Self::WantsTls { address },
            ApiError::DockerResponseServerError { message, .. } => {
                Self::Refused(clean_line(&message).into_owned())
            }
            error => {
                let reason = told(&error);
                tls::refusal(&address, &error).unwrap_or(Self::Away { address, reason })
            }
        }
    }
}

/// Whether an engine that has not found something says that it is a container, as Docker and Podman do.
fn is_of_container(message: &str) -> bool {
    let message = message.to_lowercase();
    ["no such container", "no container with"]
        .iter()
        .any(|words| message.contains(words))
}

/// An error with its causes, of which the last one says the most.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_says_so_has_no_such_container() {
        let told = |message: &str| {
            let error = ApiError::DockerResponseServerError {
                status_code: 404,
                message: message.to_owned(),
            };
            EngineError::of(&Address::from("tcp://a:2375"), error)
        };
        for words in [
            "No such container: shop-worker-1",
            "no container with name or ID \"shop\" found: no such container",
            "no container with ID shop found in database",
        ] {
            assert_eq!(told(words), EngineError::NoContainer);
        }
        for words in ["page not found", "", "<html>404 Not Found</html>"] {
            let error = told(words);
            assert!(matches!(error, EngineError::Foreign { .. }), "{error}");
        }
    }
}
