//! What the pages say, in each language.

use crate::lang::Lang;
use crate::reply::Reason;

/// The texts of one language.
pub(super) struct Texts {
    pub(super) vote: &'static str,
    pub(super) change: &'static str,
    pub(super) voted_for: &'static str,
    pub(super) may_change: &'static str,
    pub(super) your_vote: &'static str,
    pub(super) received: &'static str,
    pub(super) soon_counted: &'static str,
    pub(super) vote_number: &'static str,
    pub(super) results: &'static str,
    pub(super) see_results: &'static str,
    pub(super) one_vote: &'static str,
    pub(super) votes: &'static str,
    pub(super) counted: &'static str,
    pub(super) seconds_ago: &'static str,
    pub(super) live: &'static str,
    pub(super) away: &'static str,
    pub(super) lost: &'static str,
    pub(super) back: &'static str,
    pub(super) reference: &'static str,
}

const EN: Texts = Texts {
    vote: "Vote",
    change: "Change your vote",
    voted_for: "You voted for",
    may_change: "You can change your vote: only the last one counts.",
    your_vote: "your vote",
    received: "Vote received",
    soon_counted: "It will be in the results in a moment.",
    vote_number: "Vote number",
    results: "Results",
    see_results: "See the results",
    one_vote: "vote",
    votes: "votes",
    counted: "Counted",
    seconds_ago: "s ago",
    live: "Live",
    away: "The votes cannot be counted right now. This is the last count.",
    lost: "Connection lost. Trying again; this is the last count.",
    back: "Back to the ballot",
    reference: "Reference",
};

const ID: Texts = Texts {
    vote: "Pilih",
    change: "Ubah pilihan",
    voted_for: "Anda memilih",
    may_change: "Pilihan dapat diubah: hanya yang terakhir yang dihitung.",
    your_vote: "pilihan Anda",
    received: "Suara diterima",
    soon_counted: "Sebentar lagi suara ini masuk ke hasil.",
    vote_number: "Nomor suara",
    results: "Hasil",
    see_results: "Lihat hasil",
    one_vote: "suara",
    votes: "suara",
    counted: "Dihitung",
    seconds_ago: "detik lalu",
    live: "Langsung",
    away: "Suara sedang tidak dapat dihitung. Ini hitungan terakhir.",
    lost: "Koneksi terputus. Sedang dicoba lagi; ini hitungan terakhir.",
    back: "Kembali ke surat suara",
    reference: "Referensi",
};

impl Texts {
    pub(super) fn of(lang: Lang) -> &'static Self {
        match lang {
            Lang::En => &EN,
            Lang::Id => &ID,
        }
    }
}

/// What a voter is told of a refusal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    pub(super) heading: &'static str,
    pub(super) advice: &'static str,
}

/// Refusals for which people do the same thing.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// The vote is surely not counted; later it may be.
    NotNow,
    /// The vote may have been counted or not.
    Unknown,
    /// The sender has to do it differently.
    Unreadable,
    NoChoice,
    NoVoter,
    OtherSite,
    NoResults,
    NotFound,
    Failing,
}

/// What a voter is told of `reason`. Whatever left it open whether the vote is counted says so: of one
/// voter's votes only the last counts, so it is safe to vote again.
pub(super) fn refused(lang: Lang, reason: Reason) -> Refused {
    let kind = match reason {
        Reason::Backpressure | Reason::RateLimited | Reason::QueueFull => Kind::NotNow,
        Reason::QueueAway | Reason::QueueError => Kind::Unknown,
        Reason::MediaType
        | Reason::BodyTooLarge
        | Reason::BodyUnreadable
        | Reason::BodyTimeout
        | Reason::EmptyBody
        | Reason::InvalidJson
        | Reason::InvalidFields
        | Reason::KeyReused => Kind::Unreadable,
        Reason::MissingChoice | Reason::UnknownChoice => Kind::NoChoice,
        Reason::MissingVoter | Reason::InvalidVoter => Kind::NoVoter,
        Reason::CrossOrigin => Kind::OtherSite,
        Reason::LedgerAway | Reason::LiveFull => Kind::NoResults,
        Reason::NotFound | Reason::MethodNotAllowed => Kind::NotFound,
        Reason::Fault(_) => Kind::Failing,
    };
    let (heading, advice) = match lang {
        Lang::En => english(kind),
        Lang::Id => indonesian(kind),
    };
    Refused { heading, advice }
}

fn english(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::NotNow => (
            "Your vote was not counted",
            "Too many votes are waiting right now. Please wait a few seconds and vote again.",
        ),
        Kind::Unknown => (
            "Your vote could not be confirmed",
            "Please wait a few seconds and vote again. That is safe: only your last vote counts.",
        ),
        Kind::Unreadable => (
            "Your vote was not counted",
            "It did not arrive as the ballot sends it. Please vote again on the ballot.",
        ),
        Kind::NoChoice => (
            "Your vote was not counted",
            "Nothing on the ballot was chosen. Please choose and vote again.",
        ),
        Kind::NoVoter => (
            "Your vote was not counted",
            "Your browser did not say who votes. Please allow cookies, open the ballot and vote again.",
        ),
        Kind::OtherSite => (
            "Your vote was not counted",
            "Your browser says that another site sent it. If you want to vote, do it on the ballot.",
        ),
        Kind::NoResults => (
            "There are no results right now",
            "The votes cannot be counted at the moment; none is lost. Please try again in a few seconds.",
        ),
        Kind::NotFound => (
            "There is nothing here",
            "The address is not one of this site.",
        ),
        Kind::Failing => (
            "Your vote was not counted",
            "This server is failing on purpose, for a test. Please vote again in a few seconds.",
        ),
    }
}

fn indonesian(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::NotNow => (
            "Suara Anda tidak dihitung",
            "Terlalu banyak suara yang sedang menunggu. Tunggu beberapa detik, lalu pilih lagi.",
        ),
        Kind::Unknown => (
            "Suara Anda tidak dapat dipastikan",
            "Tunggu beberapa detik, lalu pilih lagi. Ini aman: hanya suara terakhir Anda yang dihitung.",
        ),
        Kind::Unreadable => (
            "Suara Anda tidak dihitung",
            "Suara tidak tiba seperti yang dikirim surat suara. Silakan pilih lagi di surat suara.",
        ),
        Kind::NoChoice => (
            "Suara Anda tidak dihitung",
            "Tidak ada yang dipilih di surat suara. Silakan tentukan pilihan dan kirim lagi.",
        ),
        Kind::NoVoter => (
            "Suara Anda tidak dihitung",
            "Peramban tidak memberi tahu siapa yang memilih. Izinkan kuki, buka surat suara, lalu pilih lagi.",
        ),
        Kind::OtherSite => (
            "Suara Anda tidak dihitung",
            "Menurut peramban, situs lain yang mengirimnya. Jika Anda ingin memilih, lakukan di surat suara.",
        ),
        Kind::NoResults => (
            "Hasil belum tersedia",
            "Suara sedang tidak dapat dihitung; tidak ada yang hilang. Coba lagi beberapa detik kemudian.",
        ),
        Kind::NotFound => (
            "Tidak ada apa-apa di sini",
            "Alamat ini bukan bagian dari situs ini.",
        ),
        Kind::Failing => (
            "Suara Anda tidak dihitung",
            "Server ini sengaja dibuat gagal untuk pengujian. Silakan pilih lagi beberapa detik kemudian.",
        ),
    }
}
