//! Bytes as scripts.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

/// How many bytes are in one script: hosts of pages take files of up to 25 MiB, and the page tells after each how far it is.
const PIECE: usize = 8 << 20;

/// Scripts that give bytes to the page, piece by piece: `arrive("model", "H4sI…");`, gzip in base64.
pub(super) fn scripts(name: &str, bytes: &[u8]) -> impl Iterator<Item = String> {
    bytes.chunks(PIECE).map(move |piece| {
        let packed = packed(piece).expect("memory can be written to");
        format!("arrive(\"{name}\", \"{}\");\n", STANDARD.encode(packed))
    })
}

fn packed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn unpacked(script: &str) -> Vec<u8> {
        let text = script.strip_prefix("arrive(\"model\", \"").expect("the call").trim_end();
        let packed = STANDARD.decode(text.strip_suffix("\");").expect("its end")).expect("base64");
        let mut bytes = Vec::new();
        GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).expect("gzip");
        bytes
    }

    #[test]
    fn pieces_make_the_whole_again() {
        let bytes: Vec<u8> = (0..PIECE + 1000).map(|at| (at * at / 7) as u8).collect();
        let scripts: Vec<String> = scripts("model", &bytes).collect();
        assert_eq!(scripts.len(), 2);
        assert!(scripts.iter().all(|script| script.len() < 25 << 20));
        assert_eq!(scripts.iter().flat_map(|script| unpacked(script)).collect::<Vec<u8>>(), bytes);
    }
}
