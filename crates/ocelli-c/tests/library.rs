//! The library as its users have it: programs in C, C++ and Python that are compiled against the header, linked with both libraries, and run.
//!
//! The libraries lie where `OCELLI_C_LIBRARIES` says; without it they are built here.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use ocelli_data::{Channels, Image};
use ocelli_model::{Classifier, PredictOptions};

/// What a program is linked with.
#[derive(Clone, Copy, Debug)]
enum Link {
    Shared,
    Static,
}

/// What the static library needs of the system: `cargo rustc -p ocelli-c -- --print native-static-libs`.
const SYSTEM: [&str; 3] = ["-lpthread", "-lm", "-ldl"];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The folder of `libocelli.so` and `libocelli.a`, of the profile of this test.
fn libraries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        if let Some(given) = std::env::var_os("OCELLI_C_LIBRARIES") {
            return given.into();
        }
        let test = std::env::current_exe().expect("this test");
        let folder = test.parent().and_then(Path::parent).expect("deps, in the profile's folder");
        let profile = folder.file_name().and_then(|name| name.to_str()).expect("a profile's folder");
        let profile = if profile == "debug" { "dev" } else { profile };
        let mut cargo = Command::new(env!("CARGO"));
        succeed(cargo.args(["build", "--quiet", "--package", "ocelli-c", "--profile", profile]));
        folder.to_owned()
    })
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What a command that succeeds prints.
fn succeed(command: &mut Command) -> String {
    let output = run(command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {} {errors}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Compiles a program without a warning, and links it.
fn compile(compiler: &str, standard: &str, source: &Path, link: Link, program: &Path) {
    let mut command = Command::new(compiler);
    command.args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-I"]).arg(here("include"));
    // `-x` keeps a C++ compiler from calling a file by its ending.
    command
        .args(["-x", if compiler == "c++" { "c++" } else { "c" }])
        .arg(source)
        .args(["-x", "none", "-o"])
        .arg(program);
    match link {
        Link::Shared => {
            command.arg("-L").arg(libraries()).arg("-locelli").arg("-pthread");
            command.arg(format!("-Wl,-rpath,{}", libraries().display()));
        }
        Link::Static => {
            command.arg(libraries().join("libocelli.a")).args(SYSTEM);
        }
    }
    succeed(&mut command);
}

fn model(name: &str) -> PathBuf {
    here("../../testing/fixtures/models").join(name)
}

/// Image files of every format.
fn images() -> Vec<PathBuf> {
    let names = [
        "photograph.jpg",
        "grey.jpg",
        "rgb.png",
        "rgba-16.png",
        "palette.gif",
        "lossy.webp",
        "rgb.bmp",
        "lzw.tiff",
    ];
    names.iter().map(|name| here("../ocelli-data/tests/fixtures").join(name)).collect()
}

/// The probabilities that the Rust library gives, by class.
fn expected(classifier: &Classifier, image: Image) -> Vec<f32> {
    let options = PredictOptions { batch: 1, threads: 1, top_k: usize::MAX, ..PredictOptions::default() };
    let answer = classifier.predictor(options).and_then(|mut predictor| predictor.predict(&[image]));
    let top = answer.expect("an image that suits").remove(0).top;
    let of = |class: &String| top.iter().find(|(name, _)| name == class).expect("every class").1;
    classifier.classes().iter().map(of).collect()
}

/// As `check.c` prints them.
fn bits(probabilities: &[f32]) -> String {
    let each: Vec<String> = probabilities.iter().map(|value| format!("{:08x}", value.to_bits())).collect();
    each.join(" ") + "\n"
}

fn expected_of_files(name: &str) -> String {
    let classifier = Classifier::load(model(name)).expect("a model");
    let channels = classifier.image_channels().expect("1 or 3 channels");
    let read =
        |path: &PathBuf| ocelli_data::decode::read(path, channels, &Default::default()).expect("an image");
    images().iter().map(|path| bits(&expected(&classifier, read(path)))).collect()
}

#[test]
fn c_and_cpp_have_the_answers_of_rust() {
    let folder = tempfile::tempdir().expect("a folder");
    for (compiler, standard) in [("cc", "-std=c99"), ("c++", "-std=c++98")] {
        for link in [Link::Shared, Link::Static] {
            let program = folder.path().join("check");
            compile(compiler, standard, &here("tests/check.c"), link, &program);
            for name in ["format-1.safetensors", "format-2.safetensors"] {
                let found = succeed(Command::new(&program).arg("files").arg(model(name)).args(images()));
                assert_eq!(found, expected_of_files(name), "{compiler} {link:?} {name}");
            }
        }
    }
}

#[test]
fn pixels_are_taken_as_they_lie() {
    let folder = tempfile::tempdir().expect("a folder");
    let (program, file) = (folder.path().join("check"), folder.path().join("pixels"));
    compile("cc", "-std=c99", &here("tests/check.c"), Link::Shared, &program);
    let ask = |name: &str, image: &Image, stride: usize, format: usize| {
        let mut command = Command::new(&program);
        command.arg("pixels").arg(model(name)).arg(&file);
        let numbers = [image.height(), image.width(), stride, format];
        succeed(command.args(numbers.map(|number| number.to_string())))
    };
    // Grey images of clothing, as the data set has them.
    let classifier = Classifier::load(model("format-1.safetensors")).expect("a model");
    let splits =
        ocelli_data::open(here("../../data/fashion-mnist-sample"), &Default::default()).expect("data");
    for index in [0, 1, 2] {
        let image = splits.test.as_ref().expect("a test part").load(index).expect("an image");
        std::fs::write(&file, image.pixels()).expect("a file");
        assert_eq!(
            ask("format-1.safetensors", &image, image.width(), 1),
            bits(&expected(&classifier, image))
        );
    }
    // Colours, blue first, with alpha, and seven bytes between rows.
    let classifier = Classifier::load(model("format-2.safetensors")).expect("a model");
    let image =
        ocelli_data::decode::read(&images()[0], Channels::Rgb, &Default::default()).expect("an image");
    let row = |row: &[u8]| -> Vec<u8> {
        let pixels = row.chunks_exact(3).flat_map(|pixel| [pixel[2], pixel[1], pixel[0], 77]);
        pixels.chain([0; 7]).collect()
    };
    let bytes: Vec<u8> = image.pixels().chunks_exact(3 * image.width()).flat_map(row).collect();
    // The last row has nothing after it.
    std::fs::write(&file, &bytes[..bytes.len() - 7]).expect("a file");
    let found = ask("format-2.safetensors", &image, 4 * image.width() + 7, 5);
    assert_eq!(found, bits(&expected(&classifier, image)));
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("check");
    compile("cc", "-std=c99", &here("tests/check.c"), Link::Shared, &program);
    let mut command = Command::new(&program);
    let said = succeed(command.arg("misuse").arg(model("format-1.safetensors")).arg(&images()[0]));
    for sentence in [
        "1 path is NULL",
        "1 model is NULL",
        "1 data cannot have 18446744073709551615 bytes",
        "2 no such file: cannot be read: No such file or directory (os error 2)",
        "2 the model: is not a safetensors file: it has fewer than 8 bytes",
        "1 probabilities is NULL",
        "1 there is room for 11 probabilities, but the model has 10 classes",
        "3 the image: is empty (0 bytes)",
        "1 stride is 2, but a row of 3 pixels has 3 bytes",
        "1 an image of 3×0 pixels has none",
        "1 pixel format 6 is none: 1 to 5 are, OCELLI_GREY8 to OCELLI_BGRA8",
    ] {
        assert!(said.lines().any(|line| line == sentence), "{sentence:?} is not in\n{said}");
    }
    let about = |name: &str| succeed(Command::new(&program).arg("about").arg(model(name)));
    let first = about("format-1.safetensors");
    assert!(first.starts_with(concat!("version ", env!("CARGO_PKG_VERSION"), ", reject 0.000\n")), "{first}");
    assert!(first.contains("\nPullover -1.000\n"), "{first}");
    assert!(about("format-2.safetensors").contains("\nlarge 0.500\n"));
}

#[test]
fn many_threads_ask_one_model() {
    let folder = tempfile::tempdir().expect("a folder");
    for link in [Link::Shared, Link::Static] {
        let program = folder.path().join("threads");
        compile("c++", "-std=c++11", &here("tests/threads.cpp"), link, &program);
        let said = succeed(Command::new(&program).arg(model("format-1.safetensors")).args(images()));
        assert_eq!(said, "392 right, 0 wrong\n");
    }
}

#[test]
fn the_examples_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, images) = (model("format-1.safetensors"), images());
    let classifier = Classifier::load(&path).expect("a model");
    let answers = classifier.predict_files(&images).expect("a network that runs");
    let line = |(image, answer): (&PathBuf, _)| {
        let answer: ocelli_model::Prediction = Result::expect(answer, "an image");
        format!("{}: {} ({:.1}%)\n", image.display(), answer.label, 100.0 * answer.probability)
    };
    let expected: String = images.iter().zip(answers).map(line).collect();
    let program = folder.path().join("predict");
    let source = here("../../examples/c/predict.c");
    for (compiler, standard) in [("cc", "-std=c99"), ("c++", "-std=c++98")] {
        compile(compiler, standard, &source, Link::Shared, &program);
        assert_eq!(succeed(Command::new(&program).arg(&path).args(&images)), expected);
    }
    let output = run(Command::new(&program).arg(&path).arg("missing.png"));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stderr, b"error: missing.png: no such file or folder\n");

    let python = std::env::var_os("OCELLI_PYTHON").unwrap_or_else(|| "python3".into());
    let library = libraries().join("libocelli.so");
    let script = here("../../examples/c/predict.py");
    let found = succeed(Command::new(&python).arg(&script).arg(&library).arg(&path).args(&images));
    assert_eq!(found, expected);
    // Every number of every answer, too: by the struct module, to the bit.
    let every = "import struct, sys; sys.path.insert(0, sys.argv[1]); from predict import Model; m = Model(sys.argv[2], sys.argv[3])
for image in sys.argv[4:]: print(*(struct.pack('>f', p).hex() for p in m.predict(image)))
try: Model(sys.argv[2], 'missing')
except ValueError as error: print(error)";
    let mut command = Command::new(&python);
    command
        .args(["-B", "-c", every])
        .arg(script.parent().expect("a folder"))
        .arg(&library)
        .arg(&path)
        .args(&images);
    let missing = "missing: cannot be read: No such file or directory (os error 2)\n";
    assert_eq!(succeed(&mut command), expected_of_files("format-1.safetensors") + missing);
}

/// The names that begin with `ocelli_` and are followed by a parenthesis.
fn declared() -> BTreeSet<String> {
    let header = std::fs::read_to_string(here("include/ocelli.h")).expect("the header");
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let declarations =
        header.lines().filter(|line| !line.starts_with([' ', '/', '*', '#']) && line.contains('('));
    let name = |line: &str| {
        let before = line.split('(').next().expect("a beginning");
        before.rsplit(|letter| !is_name(letter)).next().expect("a name").to_owned()
    };
    declarations.map(name).collect()
}

#[test]
fn what_is_exported_is_what_is_declared() {
    let library = libraries().join("libocelli.so");
    let listed =
        succeed(Command::new("nm").args(["-D", "--defined-only", "--format=just-symbols"]).arg(library));
    // Built with the features of the whole workspace, as for tests, it has the checksums of `object_store` in it, which export their own.
    let own = listed.lines().filter(|name| !name.starts_with("crc_fast_"));
    let exported: BTreeSet<String> = own.map(str::to_owned).collect();
    assert_eq!(exported, declared());
    assert!(exported.len() >= 11 && exported.iter().all(|name| name.starts_with("ocelli_")), "{exported:?}");
}

#[test]
fn nothing_leaks() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("skipped: valgrind is not installed");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("check");
    compile("cc", "-std=c99", &here("tests/check.c"), Link::Shared, &program);
    let valgrind = || {
        let mut command = Command::new("valgrind");
        // What is possibly lost is what rayon's queues remember of threads that have ended, by pointers with tags, until others come by.
        command.args(["--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect"]);
        command.args(["--errors-for-leak-kinds=definite,indirect", "--error-exitcode=99"]).arg(&program);
        command
    };
    let one = &images()[..1];
    succeed(valgrind().arg("files").arg(model("format-1.safetensors")).args(one));
    succeed(valgrind().arg("misuse").arg(model("format-1.safetensors")).args(one));
}
