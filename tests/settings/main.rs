//! What Herald says to an admin about a settings file, to the letter.
//!
//! `refused/` and `warned/` hold one file for each case, which says at its top what is wrong with it.
//! Beside each lies what `herald check` draws. To take what has changed, look at it and then run
//! `INSTA_UPDATE=always cargo test --test settings`.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod corpus;
mod drawn;
mod files;
mod random;
mod scratch;
mod told;
