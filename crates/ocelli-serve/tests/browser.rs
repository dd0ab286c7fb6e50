//! The page in a browser. `cargo xtask test` sets `OCELLI_PYTHON` to an interpreter that has Playwright and `OCELLI_CHROMIUM` to the browser;
//! without them, nothing is tested here.

mod common;

use std::path::Path;
use std::process::Command;

use common::*;
use ocelli_serve::{Heatmaps, Server};

/// `printf %s secret | sha256sum`
const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b  -\n";

#[test]
fn the_page_works_in_a_browser() {
    let (Some(python), Some(chromium)) =
        (std::env::var_os("OCELLI_PYTHON"), std::env::var_os("OCELLI_CHROMIUM"))
    else {
        eprintln!("skipped: OCELLI_PYTHON or OCELLI_CHROMIUM is not set");
        return;
    };
    let keys = tempfile::tempdir().expect("a temporary folder");
    let file = keys.path().join("keys");
    std::fs::write(&file, SECRET).expect("a file");
    let (server, folder) = served(|options| {
        options.heatmaps = Some(Heatmaps::new(|_, image, _| {
            let copy = image::RgbImage::from_raw(
                image.width() as u32,
                image.height() as u32,
                image.pixels().to_vec(),
            );
            Ok(png(&copy.ok_or("no image")?))
        }));
    });
    let second = format!("second@2={}", model(folder.path(), "second", 2).display());
    let mut with_key = options(&[&model(folder.path(), "first", 1)]);
    with_key.models.push(second.parse().expect("a source"));
    with_key.keys = Some(file);
    let locked = Server::start(with_key).expect("a server");
    let image = folder.path().join("picture.png");
    std::fs::write(&image, png(&picture(120, 90, 1))).expect("a file");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/interop/serve_page.py");
    let output = Command::new(python)
        .arg(script)
        .args([&server.url(), &locked.url()])
        .arg(&image)
        .arg(chromium)
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.stop();
    locked.stop();
}
