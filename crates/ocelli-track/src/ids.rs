//! Ids, times and names that are made up.

use std::time::{SystemTime, UNIX_EPOCH};

/// 32 hexadecimal digits of a random UUID (version 4), as MLflow makes its run ids.
pub(crate) fn new_id() -> String {
    let mut bytes: [u8; 16] = random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether text can be the id of a run: it is used as the name of a folder, so it must be nothing else.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A name for a run that was given none: an adjective, an animal and a number, like MLflow's.
pub(crate) fn new_name() -> String {
    const ADJECTIVES: [&str; 32] = [
        "able", "amber", "brave", "brisk", "calm", "clever", "crisp", "eager", "fair", "fleet", "gentle",
        "glad", "grand", "happy", "honest", "keen", "kind", "lively", "loyal", "lucky", "merry", "mild",
        "noble", "polite", "proud", "quick", "quiet", "smart", "steady", "sunny", "swift", "wise",
    ];
    const ANIMALS: [&str; 32] = [
        "ant", "bear", "bee", "boar", "carp", "cat", "colt", "crab", "crane", "crow", "deer", "dove", "duck",
        "eel", "elk", "finch", "fox", "frog", "goat", "hare", "hawk", "lark", "lynx", "mole", "moth", "newt",
        "otter", "owl", "seal", "stork", "toad", "wren",
    ];
    let [adjective, animal, high, low]: [u8; 4] = random();
    let number = u16::from_le_bytes([high, low]) % 1000;
    format!("{}-{}-{number}", ADJECTIVES[usize::from(adjective) % 32], ANIMALS[usize::from(animal) % 32])
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("every system that runs this has random numbers");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_uuids_and_never_the_same() {
        let ids: HashSet<String> = (0..10_000).map(|_| new_id()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(
            ids.iter()
                .all(|id| is_id(id) && id.as_bytes()[12] == b'4' && b"89ab".contains(&id.as_bytes()[16]))
        );
    }

    #[test]
    fn ids_name_no_other_folder() {
        for wrong in ["", "..", "0123456789abcdef0123456789abcde/", "0123456789abcdef0123456789abcdef0"] {
            assert!(!is_id(wrong), "{wrong}");
        }
    }
}
