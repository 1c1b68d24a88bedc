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
    pub(super) asked: &'static str,
    pub(super) away: &'static str,
    pub(super) lost: &'static str,
    pub(super) load_again: &'static str,
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
    asked: "Updated every few seconds",
    away: "The votes cannot be counted right now. This is the last count.",
    lost: "Connection lost. Trying again; this is the last count.",
    load_again: "Load again",
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
    asked: "Diperbarui setiap beberapa detik",
    away: "Suara sedang tidak dapat dihitung. Ini hitungan terakhir.",
    lost: "Koneksi terputus. Sedang dicoba lagi; ini hitungan terakhir.",
    load_again: "Muat ulang",
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
    /// There is no room for the vote; later there may be.
    NoRoom,
    /// Others of the same network have sent too many.
    TooMany,
    /// The vote may have been taken or not.
    Unknown,
    /// The sender has to do it differently.
    Unreadable,
    NoChoice,
    NoVoter,
    OtherSite,
    NoResults,
    NotLive,
    NotFound,
    Failing,
}

/// What a voter is told of `reason`. Whatever left it open whether the vote was taken says so: of one
/// voter's votes only the last counts, so it is safe to vote again. Nothing says that a voter has no vote: another
/// may have been taken before, also one of the same page whose answer came too early.
pub(super) fn refused(lang: Lang, reason: Reason) -> Refused {
    let kind = match reason {
        Reason::Backpressure | Reason::QueueFull => Kind::NoRoom,
        Reason::RateLimited => Kind::TooMany,
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
        Reason::LedgerAway => Kind::NoResults,
        Reason::LiveFull => Kind::NotLive,
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
        Kind::NoRoom => (
            "This vote was not taken",
            "There is no room for more votes right now. If a vote of yours was taken before, it still stands. \
             Please wait a few seconds and vote again.",
        ),
        Kind::TooMany => (
            "This vote was not taken",
            "Too many votes came from your network in a short time. If a vote of yours was taken before, it still \
             stands. Please wait a few seconds and vote again.",
        ),
        Kind::Unknown => (
            "Your vote could not be confirmed",
            "Please wait a few seconds and vote again. That is safe: only your last vote counts.",
        ),
        Kind::Unreadable => (
            "This vote was not taken",
            "It did not arrive as the ballot sends it. Please vote again on the ballot.",
        ),
        Kind::NoChoice => (
            "This vote was not taken",
            "Nothing on the ballot was chosen. Please choose and vote again.",
        ),
        Kind::NoVoter => (
            "This vote was not taken",
            "Your browser did not say who votes. Please allow cookies, open the ballot and vote again.",
        ),
        Kind::OtherSite => (
            "This vote was not taken",
            "Your browser says that another site sent it. If you want to vote, do it on the ballot.",
        ),
        Kind::NoResults => (
            "There are no results right now",
            "The votes cannot be counted at the moment; none is lost. Please try again in a few seconds.",
        ),
        Kind::NotLive => (
            "Too many follow the results live",
            "The results are there all the same, a few seconds old at most.",
        ),
        Kind::NotFound => (
            "There is nothing here",
            "The address is not one of this site.",
        ),
        Kind::Failing => (
            "This vote was not taken",
            "This server is failing on purpose, for a test. If a vote of yours was taken before, it still stands. \
             Please vote again in a few seconds.",
        ),
    }
}

fn indonesian(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::NoRoom => (
            "Suara ini belum diterima",
            "Saat ini tidak ada ruang untuk suara baru. Jika suara Anda sudah diterima sebelumnya, suara itu tetap \
             berlaku. Tunggu beberapa detik, lalu pilih lagi.",
        ),
        Kind::TooMany => (
            "Suara ini belum diterima",
            "Terlalu banyak suara datang dari jaringan Anda dalam waktu singkat. Jika suara Anda sudah diterima \
             sebelumnya, suara itu tetap berlaku. Tunggu beberapa detik, lalu pilih lagi.",
        ),
        Kind::Unknown => (
            "Suara Anda belum dapat dipastikan",
            "Tunggu beberapa detik, lalu pilih lagi. Ini aman: hanya suara terakhir Anda yang dihitung.",
        ),
        Kind::Unreadable => (
            "Suara ini tidak diterima",
            "Data pilihan yang masuk tidak lengkap atau tidak sesuai. Silakan pilih lagi di surat suara.",
        ),
        Kind::NoChoice => (
            "Suara ini tidak diterima",
            "Tidak ada yang dipilih di surat suara. Silakan tentukan pilihan dan kirim lagi.",
        ),
        Kind::NoVoter => (
            "Suara ini tidak diterima",
            "Peramban tidak memberi tahu siapa yang memilih. Izinkan kuki, buka surat suara, lalu pilih lagi.",
        ),
        Kind::OtherSite => (
            "Suara ini tidak diterima",
            "Menurut peramban, situs lain yang mengirimnya. Jika Anda ingin memilih, lakukan di surat suara.",
        ),
        Kind::NoResults => (
            "Hasil belum tersedia",
            "Suara sedang tidak dapat dihitung; tidak ada yang hilang. Coba lagi beberapa detik kemudian.",
        ),
        Kind::NotLive => (
            "Terlalu banyak yang mengikuti hasil secara langsung",
            "Hasilnya tetap dapat dilihat, paling lama tertinggal beberapa detik.",
        ),
        Kind::NotFound => (
            "Tidak ada apa-apa di sini",
            "Alamat ini bukan bagian dari situs ini.",
        ),
        Kind::Failing => (
            "Suara ini belum diterima",
            "Server ini sengaja dibuat gagal untuk pengujian. Jika suara Anda sudah diterima sebelumnya, suara itu \
             tetap berlaku. Silakan pilih lagi beberapa detik kemudian.",
        ),
    }
}
