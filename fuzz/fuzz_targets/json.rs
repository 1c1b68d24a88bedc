#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = voteops_vote_app::fuzzing::json(bytes);
});
