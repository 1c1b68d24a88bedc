//! The pages' style, script and icon. They are in the program, so they cannot go missing.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use crate::App;
use crate::reply::{Format, Reason, Refusal, Wanted};

/// A file that pages ask for.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const ASSETS: [Asset; 3] = [
    Asset {
        name: "page.css",
        media_type: "text/css; charset=utf-8",
        content: include_str!("page.css"),
    },
    Asset {
        name: "live.js",
        media_type: "text/javascript; charset=utf-8",
        content: include_str!("live.js"),
    },
    Asset {
        name: "icon.svg",
        media_type: "image/svg+xml",
        content: include_str!("icon.svg"),
    },
];

/// For this version's files, whose address changes with what is in them.
const KEEP: &str = "public, max-age=31536000, immutable";

/// For those of another version: while a stack is updated, a page of one instance asks another.
const ASK_AGAIN: &str = "no-cache";

/// What is in the assets, as a number.
const FINGERPRINT: u64 = {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < ASSETS.len() {
        hash = fnv1a(hash, ASSETS[at].content.as_bytes());
        at += 1;
    }
    hash
};

/// FNV-1a, 64 bits: told apart have to be versions, not forgeries.
const fn fnv1a(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// Where an asset of this version is.
pub(crate) fn path(name: &str) -> String {
    format!("/static/{FINGERPRINT:x}/{name}")
}

/// Answers with an asset.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Path((version, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == file) else {
        let message = "There is no such file.";
        let refusal = Refusal::new(Reason::NotFound, message);
        return app.refuse(&refusal, Wanted::of(&headers, Format::Json));
    };
    let is_this_version = version == format!("{FINGERPRINT:x}");
    let headers = [
        (header::CONTENT_TYPE, asset.media_type),
        (
            header::CACHE_CONTROL,
            if is_this_version { KEEP } else { ASK_AGAIN },
        ),
    ];
    (headers, asset.content).into_response()
}

/// How large all assets are together, in bytes.
#[cfg(test)]
pub(crate) fn total_bytes() -> usize {
    ASSETS.iter().map(|asset| asset.content.len()).sum()
}
