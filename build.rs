//! Links the programs so that starting one touches little memory.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    // Relocations as a bitmap, which the loader reads in full each time: a tenth of a tenth of the table of entries. A
    // guardian is a process of this program for as long as a fault lasts. Needs glibc 2.36.
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
