//! Files of weights that are damaged, or made to do harm: each is an error that names the file, nothing panics, and no
//! file makes the reader allocate more than its length justifies.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use ocelli_model::{ImportError, read_weights};
use ocelli_nn::Weights;

/// Counts the bytes that are allocated, and the most that were at once.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it is.
#[allow(unsafe_code, reason = "an allocator cannot be written without it")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What a file may make the reader allocate at once: tensors up to eight bytes for each of its, or a mebibyte; the
/// containers of its pickle; and buffers.
fn allowed(length: usize) -> usize {
    (4 << 20) + 160 * length
}

/// A folder to write files into and read them from.
struct Files(tempfile::TempDir);

impl Files {
    fn read(&self, bytes: &[u8]) -> Result<Weights, ImportError> {
        // Written over what was there: some file systems wait for the disk where a file is emptied first.
        let open = fs::File::options().write(true).create(true).truncate(false).open(self.path());
        let written = open.and_then(|mut file| {
            file.write_all(bytes)?;
            file.set_len(bytes.len() as u64)
        });
        written.expect("a file that can be written");
        self.read_again(bytes.len())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("file.pth")
    }

    /// Reads the file that is there, of this length.
    fn read_again(&self, length: usize) -> Result<Weights, ImportError> {
        let before = NOW.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let read = read_weights(self.path());
        let most = PEAK.load(Ordering::Relaxed) - before;
        assert!(most <= allowed(length), "{most} bytes were allocated for a file of {length}: {read:?}");
        if let Err(error) = &read {
            let said = error.to_string();
            assert!(said.contains("file.pth: ") && said.len() < 2000 && !said.contains('\u{1b}'), "{said}");
        }
        read
    }

    /// Reads what must be refused; gives what is said of it.
    fn refused(&self, bytes: &[u8]) -> String {
        match self.read(bytes) {
            Ok(weights) => panic!("{} tensors were read: {weights:?}", weights.len()),
            Err(error) => error.to_string(),
        }
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/weights").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn safetensors() -> Vec<u8> {
    let header = br#"{"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},"b":{"dtype":"I64","shape":[],"data_offsets":[12,20]}}"#;
    [&(header.len() as u64).to_le_bytes()[..], header, &[7; 20]].concat()
}

/// One test: the counts are those of the whole process.
#[test]
fn nothing_in_a_file_does_harm() {
    let files = Files(tempfile::tempdir().expect("a temporary folder"));
    truncated(&files);
    altered(&files);
    hostile_pickles(&files);
    hostile_tensors(&files);
    hostile_archives(&files);
}

fn truncated(files: &Files) {
    for whole in [fixture("zip.pth"), fixture("legacy.pth"), fixture("protocol1.pth"), safetensors()] {
        assert!(files.read(&whole).is_ok());
        let file = fs::File::options().write(true).open(files.path()).expect("the file is there");
        for length in (0..whole.len()).rev() {
            file.set_len(length as u64).expect("a file that can be cut");
            assert!(files.read_again(length).is_err(), "{length} bytes of {}", whole.len());
        }
    }
}

/// A few bytes of good files changed at random, and stretches of one put into another place.
fn altered(files: &Files) {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let names = ["zip.pth", "checkpoint.pth", "views-legacy.pth", "checkpoint-legacy.pth", "protocol4.pth"];
    for whole in names.map(fixture).into_iter().chain([safetensors()]) {
        let mut refused = 0;
        for _ in 0..800 {
            let mut bytes = whole.clone();
            for _ in 0..=draw(4) {
                let at = draw(bytes.len());
                bytes[at] = [draw(256) as u8, 0, 0xff, b'.', b'R', bytes[at] ^ 1 << draw(8)][draw(6)];
            }
            if draw(4) == 0 {
                let (from, to) = (draw(bytes.len()), draw(bytes.len()));
                let length = draw(64).min(bytes.len() - from.max(to));
                bytes.copy_within(from..from + length, to);
            }
            refused += usize::from(files.read(&bytes).is_err());
        }
        assert!(refused > 250, "{refused} of 800 were refused");
    }
}

/// A file in the old format whose object is this pickle, and whose storages have these names and bytes.
fn legacy(object: &[u8], storages: &[(&str, &[u8])]) -> Vec<u8> {
    // Magic number, version, facts of the machine.
    let mut file = fixture("legacy.pth")[..137].to_vec();
    assert!(file.ends_with(b"u."));
    file.extend_from_slice(object);
    file.extend(
        [
            b"\x80\x02]("[..].to_vec(),
            storages.iter().flat_map(|(key, _)| text(key)).collect(),
            b"e.".to_vec(),
        ]
        .concat(),
    );
    for (_, bytes) in storages {
        file.extend((bytes.len() as u64 / 4).to_le_bytes());
        file.extend_from_slice(bytes);
    }
    file
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn number(number: i64) -> Vec<u8> {
    [b"\x8a\x08", &number.to_le_bytes()[..]].concat()
}

fn numbers(list: &[i64]) -> Vec<u8> {
    [b"("[..].to_vec(), list.iter().flat_map(|&n| number(n)).collect(), b"t".to_vec()].concat()
}

/// A tensor of f32 on storage `key`, of which it says that it has `length` values.
fn tensor(key: &str, length: i64, offset: i64, size: &[i64], stride: &[i64]) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n(("[..].to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text(key),
        text("cpu"),
        number(length),
        b"NtQ".to_vec(),
        number(offset),
        numbers(size),
        numbers(stride),
        b"\x89}tR".to_vec(),
    ]
    .concat()
}

/// A dictionary of tensors named 0, 1, ….
fn state(tensors: &[Vec<u8>]) -> Vec<u8> {
    let items =
        tensors.iter().enumerate().flat_map(|(i, tensor)| [text(&i.to_string()), tensor.clone()].concat());
    [b"\x80\x02}("[..].to_vec(), items.collect(), b"u.".to_vec()].concat()
}

fn hostile_pickles(files: &Files) {
    let said = |object: &[u8]| files.refused(&legacy(object, &[]));
    let many = |one: &[u8], count: usize| one.repeat(count);
    // Deep nesting: brackets, lists within lists, tuples within tuples.
    said(&many(b"(", 100_000));
    assert!(
        said(&[many(b"]", 100_000), many(b"a", 99_999), b".".to_vec()].concat()).contains("it is a list")
    );
    assert!(said(&[b")".to_vec(), many(b"\x85", 200_000), b".".to_vec()].concat()).contains("it is a tuple"));
    // Wide: one tuple, one dictionary, one text.
    assert!(said(&[b"(".to_vec(), many(b"N", 200_000), b"t.".to_vec()].concat()).contains("it is a tuple"));
    assert!(said(&[b"}(".to_vec(), many(b"NN", 100_000), b"u.".to_vec()].concat()).contains("dictionary"));
    assert!(said(&many(b"N", (4 << 20) + 1)).contains("instructions"));
    // Each list holds the one before twice: 2^60 items, if they were counted.
    let doubled = (0..60_u8).flat_map(|i| [b'(', b'h', i, b'h', i, b'l', b'q', i + 1]);
    assert!(said(&[b"]q\x00".to_vec(), doubled.collect(), b".".to_vec()].concat()).contains("it is a list"));
    // A checkpoint within itself.
    assert!(
        said(&[b"}q\x00".to_vec(), text("state_dict"), b"h\x00s.".to_vec()].concat()).contains("dictionary")
    );
    for (object, reason) in [
        (&b"cos\nsystem\n."[..], "asks for os.system"),
        (b"\x8c\x08builtins\x8c\x04eval\x93.", "asks for builtins.eval"),
        (b"cnumpy.core.multiarray\nscalar\n.", "asks for numpy.core.multiarray.scalar"),
        (b"c\x1b[2J\nsystem\n.", "asks for \\u{1b}[2J.system"),
        (b"ctorch\nQUInt8Storage\n.", "asks for torch.QUInt8Storage"),
        (b"ctorch\nload\n.", "asks for torch.load"),
        (b"(ios\nsystem\n.", "instruction `i`"),
        (b"\x82\x01.", "which weights do not need"),
        (b"\x80\x06N.", "protocol 6"),
        (b")NR.", "calls a tuple"),
        (b"ccollections\nOrderedDict\nNR.", "for arguments"),
        (b"N)R.", "calls nothing"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R.", "arguments that it does not take"),
        (b"K\x01}b.", "sets attributes of a number"),
        (b"X\xff\xff\xff\xffa.", "is cut short"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.", "is cut short"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fa.", "is cut short"),
        (b"\x8b\xff\xff\xff\xffa.", "is cut short"),
        (b"X\x01\x00\x00\x00\xff.", "not UTF-8"),
        (b"h\x07.", "has not put by"),
        (b"j\xff\xff\xff\xff.", "has not put by"),
        (b"r\xff\xff\xff\xff.", "where there is none"),
        (b"t.", "closes a bracket"),
        (b"K\x01(\x86.", "where there is none"),
        (b".", "where there is none"),
        (b"}(Nu.", "a key and no value"),
        (b"Na.", "where there is none"),
        (b"NNa.", "no list"),
        (b"}NNs", "is cut short"),
        (b"NQ.", "that is no storage"),
        (b"(X\x06\x00\x00\x00moduleNNNNtQ.", "that is no storage"),
        (b"K\x01.", "it is a number"),
        (b"}X\x05\x00\x00\x00modelK\x01s.", "a dictionary of model"),
    ] {
        let said = said(object);
        assert!(said.contains(reason), "{reason} in {said}");
    }
}

fn hostile_tensors(files: &Files) {
    let bytes = [1_u8; 16];
    let read = |tensors: &[Vec<u8>]| files.read(&legacy(&state(tensors), &[("s", &bytes)]));
    let said = |tensors: &[Vec<u8>]| files.refused(&legacy(&state(tensors), &[("s", &bytes)]));
    let good = tensor("s", 4, 0, &[2, 2], &[2, 1]);
    assert_eq!(read(&[good.clone(), good.clone()]).expect("two views of one storage").len(), 2);
    assert_eq!(read(&[tensor("s", 4, 9, &[0, 1 << 60], &[1, 1])]).expect("an empty tensor").len(), 1);
    let huge = 1 << 60;
    for (one, reason) in [
        (tensor("s", 4, 0, &[huge], &[0]), "bytes of memory"),
        (tensor("s", 4, 0, &[huge, huge], &[0, 0]), "beyond its storage"),
        (tensor("s", huge, 0, &[huge], &[1]), "beyond the 16 bytes"),
        (tensor("s", i64::MAX, i64::MAX - 1, &[1], &[1]), "beyond the 16 bytes"),
        (tensor("s", 4, 0, &[2], &[i64::MAX]), "beyond its storage"),
        (tensor("s", 4, 1, &[2, 2], &[2, 1]), "beyond its storage"),
        (tensor("s", 4, -1, &[1], &[1]), "begins nowhere"),
        (tensor("s", 4, 0, &[-1], &[1]), "no counts"),
        (tensor("s", 4, 0, &[2], &[-1]), "no counts"),
        (tensor("s", -4, 0, &[2], &[1]), "that is no storage"),
        (tensor("s", 4, 0, &[2], &[1, 1]), "1 sizes with 2 strides"),
        (tensor("s", 4, 0, &[1; 65], &[1; 65]), "65 sizes"),
        (tensor("s", 5, 4, &[1], &[1]), "beyond the 16 bytes"),
    ] {
        let said = said(&[one]);
        assert!(said.contains(reason), "{reason} in {said}");
    }
    // A great many tensors that are all of one storage.
    let large = vec![0_u8; 40_000];
    let all = tensor("s", 10_000, 0, &[10_000], &[1]);
    let said = files.refused(&legacy(&state(&vec![all; 1000]), &[("s", &large)]));
    assert!(said.contains("save a .clone() of each"), "{said}");
    // Storages that are not there, are not named, or have no length.
    let said = files.refused(&legacy(&state(&[tensor("t", 4, 0, &[1], &[1])]), &[("s", &bytes)]));
    assert!(said.contains("a storage that no tensor has"), "{said}");
    let said = files.refused(&legacy(&state(&[tensor("t", 4, 0, &[1], &[1])]), &[]));
    assert!(said.contains("lacks the storage t"), "{said}");
    let mut file = legacy(&state(&[good]), &[("s", &bytes)]);
    let at = file.len() - 24;
    for count in [5, huge as u64, u64::MAX, u64::MAX / 4] {
        file[at..at + 8].copy_from_slice(&count.to_le_bytes());
        let said = files.refused(&file);
        assert!(said.contains("cut short") || said.contains("no length"), "{said}");
    }
}

/// Fields of a good archive, changed one after another.
fn hostile_archives(files: &Files) {
    let whole = fixture("zip.pth");
    let find =
        |what: &[u8]| (0..whole.len()).rev().find(|&at| whole[at..].starts_with(what)).expect("it is there");
    let (end, wide, first) = (find(b"PK\x05\x06"), find(b"PK\x06\x06"), find(b"PK\x01\x02"));
    let with = |at: usize, bytes: &[u8]| {
        let mut file = whole.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        files.read(&file)
    };
    let full = [0xff; 8];
    for (at, length) in [(wide + 40, 8), (wide + 48, 8), (end - 12, 8), (end + 20, 2), (wide, 4)] {
        assert!(with(at, &full[..length]).is_err(), "byte {at}");
    }
    // The last entry of the list: stored and real size, name's, extra's and comment's length, place of its header.
    for at in [first + 20, first + 24, first + 28, first + 30, first + 32] {
        assert!(with(at, &full[..2]).is_err(), "byte {at}");
    }
    let said = files.refused(b"PK\x05\x06");
    assert!(said.contains("cut short"), "{said}");
    let empty = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    assert!(files.refused(&empty).contains("none that torch.save wrote"));
    // The twelve bytes of a storage lie after its header, somewhere in these: whichever is changed, it shows.
    let header = (0..whole.len()).find(|&at| whole[at..].starts_with(b"zip/data/3")).expect("it is there");
    let damaged =
        |at: usize| with(at, &[whole[at] ^ 0x10]).is_err_and(|error| error.to_string().contains("damaged"));
    assert!((header..header + 200).filter(|&at| damaged(at)).count() >= 12);
}
