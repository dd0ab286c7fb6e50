//! What the tests of runs share: a small network, and data for it.

use std::fs;
use std::path::Path;

/// A network that normalises and drops out.
pub(crate) const NETWORK: &str = r#"
name = "tiny"
[[layers]]
type = "Conv2d"
out_channels = 4
kernel_size = 3
[[layers]]
type = "BatchNorm2d"
[[layers]]
type = "ReLU"
[[layers]]
type = "Dropout2d"
p = 0.2
[[layers]]
type = "Flatten"
[[layers]]
type = "Linear"
out_features = "classes"
"#;

/// IDX files of 60 training and 20 test images of 10×10 pixels in two classes.
pub(crate) fn write_data(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (part, images) in [("train", 60_u32), ("t10k", 20)] {
        let mut pixels = vec![0, 0, 8, 3];
        let mut labels = vec![0, 0, 8, 1];
        for size in [images, 10, 10] {
            pixels.extend(size.to_be_bytes());
        }
        labels.extend(images.to_be_bytes());
        for image in 0..images {
            labels.push((image % 2) as u8);
            let lit = |pixel: u32| if image % 2 == 0 { pixel % 10 < 5 } else { pixel / 10 < 5 };
            let pixel = |pixel| if lit(pixel) { 200 } else { (image * 13 + pixel * 7) as u8 % 50 };
            pixels.extend((0..100).map(pixel));
        }
        fs::write(folder.join(format!("{part}-images-idx3-ubyte")), pixels).unwrap();
        fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}
