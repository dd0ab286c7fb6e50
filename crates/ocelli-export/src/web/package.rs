//! npm's package `onnxruntime-web`: what is taken of it, and the proof that it is what was tested.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use ring::digest::{SHA512, digest};

use crate::ExportError;

/// The version of ONNX Runtime Web that goes with the page.
pub const VERSION: &str = "1.30.0";

/// The package as npm has it: `npm view onnxruntime-web@1.30.0 dist.integrity`.
pub(super) const PACKAGE: Pinned = Pinned {
    name: "onnxruntime-web-1.30.0.tgz",
    bytes: 33_106_585,
    sha512: "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
};
/// Its API and all that is not WebAssembly, for CPUs alone, in one module.
const SCRIPT: Pinned = Pinned {
    name: "ort.wasm.bundle.min.mjs",
    bytes: 73_054,
    sha512: "1KcF8CWAZeqtTcvLgKPtOMXIbkWeh++LDCQpDhQ5ARVxHAL1VNL5rr0OI+MxTbmNIANldE/A/q+O4gSKgSMjWQ==",
};
/// The runtime itself, without the larger ones' GPU.
const WASM: Pinned = Pinned {
    name: "ort-wasm-simd-threaded.wasm",
    bytes: 14_239_897,
    sha512: "Gt7e1iIDIZ/PXEhM/OVleqWHVom0kEI/hs8cod0crXcV9jDGM39B23HuQnlOOgDOC3x4k5pxIgtdgzaL9up3MA==",
};

/// A file that is known to the bit.
pub(super) struct Pinned {
    pub(super) name: &'static str,
    pub(super) bytes: u64,
    sha512: &'static str,
}

impl Pinned {
    /// # Errors
    /// It is another file, and in what way.
    fn check(&self, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() as u64 != self.bytes {
            return Err(format!("{} has {} bytes, not {}", self.name, bytes.len(), self.bytes));
        }
        let found = STANDARD.encode(digest(&SHA512, bytes));
        let reason = || format!("the SHA-512 of {} is {found}, not {}", self.name, self.sha512);
        (found == self.sha512).then_some(()).ok_or_else(reason)
    }

    /// Reads as much as the file may have and a byte more, by which a longer one shows.
    fn read(&self, reader: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        reader.take(self.bytes + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// ONNX Runtime Web, version [`VERSION`]: what the page needs of it, checked by its digests.
#[derive(Debug)]
pub struct Runtime {
    script: Vec<u8>,
    wasm: Vec<u8>,
}

impl Runtime {
    /// The package as a file from npm (`npm pack onnxruntime-web@1.30.0`), or a folder with its files, such as
    /// `node_modules/onnxruntime-web`.
    ///
    /// # Errors
    /// There is no such thing, or it is another version or damaged.
    pub fn read(path: &Path) -> Result<Self, ExportError> {
        let place = path.display().to_string();
        let failed = |source| ExportError::Io { path: path.to_owned(), doing: "read", source };
        if path.is_dir() {
            return Self::of_folder(path);
        }
        let bytes = fs::File::open(path).and_then(|file| PACKAGE.read(file)).map_err(failed)?;
        Self::of_package(&place, &bytes)
    }

    /// Of files in a folder or its `dist`.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, ExportError> {
        let dist = folder.join("dist");
        let within = if dist.is_dir() { dist } else { folder.to_owned() };
        let read = |pinned: Pinned| {
            let path = within.join(pinned.name);
            let bytes = fs::File::open(&path)
                .and_then(|file| pinned.read(file))
                .map_err(|source| ExportError::Io { path, doing: "read", source })?;
            pinned
                .check(&bytes)
                .map(|()| bytes)
                .map_err(|reason| other(&folder.display().to_string(), reason))
        };
        Ok(Self { script: read(SCRIPT)?, wasm: read(WASM)? })
    }

    /// Of the bytes of the package.
    pub(super) fn of_package(place: &str, bytes: &[u8]) -> Result<Self, ExportError> {
        PACKAGE.check(bytes).map_err(|reason| other(place, reason))?;
        let unpack = |pinned: Pinned| {
            let found = unpacked(bytes, pinned.name).map_err(|error| other(place, error.to_string()))?;
            found.ok_or_else(|| other(place, format!("it has no {}", pinned.name)))
        };
        Ok(Self { script: unpack(SCRIPT)?, wasm: unpack(WASM)? })
    }

    /// Leaves its files in a folder, for [`Runtime::of_folder`].
    pub(super) fn keep(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        ocelli_model::files::replace(&folder.join(SCRIPT.name), &self.script)?;
        ocelli_model::files::replace(&folder.join(WASM.name), &self.wasm)
    }

    /// The module that programs import.
    pub(super) fn script(&self) -> &[u8] {
        &self.script
    }

    /// The WebAssembly that it runs.
    pub(super) fn wasm(&self) -> &[u8] {
        &self.wasm
    }
}

/// A file of the package, which is known to be what it should.
fn unpacked(package: &[u8], name: &str) -> io::Result<Option<Vec<u8>>> {
    let path = Path::new("package/dist").join(name);
    let mut archive = tar::Archive::new(GzDecoder::new(package));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()? == path {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn other(place: &str, reason: String) -> ExportError {
    ExportError::OtherPackage { place: place.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_else_is_taken_for_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let told = |path: &Path| Runtime::read(path).expect_err("no package").to_string();
        let file = folder.path().join("package.tgz");
        assert!(told(&file).contains("cannot be read"), "{}", told(&file));
        fs::write(&file, "no package").expect("a file");
        assert!(told(&file).contains("has 10 bytes, not 33106585"), "{}", told(&file));
        fs::File::options()
            .write(true)
            .open(&file)
            .and_then(|file| file.set_len(PACKAGE.bytes))
            .expect("zeros");
        assert!(told(&file).contains("the SHA-512 of onnxruntime-web-1.30.0.tgz is "), "{}", told(&file));
        fs::File::options().write(true).open(&file).and_then(|file| file.set_len(1 << 40)).expect("a hole");
        assert!(told(&file).contains("has 33106586 bytes"), "{}", told(&file));
        assert!(
            told(folder.path()).contains("ort.wasm.bundle.min.mjs: cannot be read"),
            "{}",
            told(folder.path())
        );
        fs::create_dir(folder.path().join("dist")).expect("a folder");
        fs::write(folder.path().join("dist").join(SCRIPT.name), "alert()").expect("a file");
        assert!(told(folder.path()).contains("has 7 bytes, not 73054"), "{}", told(folder.path()));
    }

    #[test]
    fn the_version_is_the_packages() {
        assert_eq!(PACKAGE.name, format!("onnxruntime-web-{VERSION}.tgz"));
    }
}
