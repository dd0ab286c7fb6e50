//! A preview as one picture.

use super::{Preview, Row};
use crate::Image;
use crate::transforms::Interpolation;
use crate::transforms::functional::{self, Resizer, Resizing};

/// Pixels between pictures of a row, and between rows.
const GAP: usize = 4;
/// Pixels around all, between an image and its versions, and between sections.
const APART: usize = 16;
/// Neither black, which transforms fill with, nor white.
const GROUND: u8 = 224;
const INK: u8 = 64;
/// Each pixel of a digit, in pixels.
const DOT: usize = 3;
/// The digits, five rows of three dots each, from the highest bit on.
const DIGITS: [u16; 10] = [
    0b111_101_101_101_111,
    0b010_110_010_010_111,
    0b111_001_111_100_111,
    0b111_001_111_001_111,
    0b101_101_111_001_001,
    0b111_100_111_001_111,
    0b111_100_111_101_111,
    0b111_001_001_010_010,
    0b111_101_111_101_111,
    0b111_101_111_001_111,
];

impl Preview {
    /// All sections below each other as one RGB picture: in each row its number, the original and, set apart, its versions.
    pub fn sheet(&self) -> Image {
        let side = self.side;
        let rows: usize = self.sections.iter().map(|section| section.rows.len()).sum();
        let most =
            self.sections.iter().flat_map(|s| &s.rows).map(|row| row.versions.len()).max().unwrap_or(0);
        let digits = rows.to_string().len();
        let first = APART + digits * 4 * DOT + GAP;
        let width = first + side + APART + most * (side + GAP) - GAP + APART;
        let height = APART + rows * (side + GAP) + self.sections.len() * (APART - GAP);
        let mut sheet = Sheet { pixels: vec![GROUND; height * width * 3], width };
        let (mut top, mut number) = (APART, 0);
        for section in &self.sections {
            for row in &section.rows {
                number += 1;
                sheet.number(number, digits, (top + side.saturating_sub(5 * DOT) / 2, APART));
                sheet.row(row, (top, first), side);
                top += side + GAP;
            }
            top += APART - GAP;
        }
        Image::new(height, width, 3, sheet.pixels)
    }
}

/// An RGB picture in the making.
struct Sheet {
    pixels: Vec<u8>,
    width: usize,
}

impl Sheet {
    /// A number, its last digit where that of the longest is.
    fn number(&mut self, number: usize, digits: usize, (top, left): (usize, usize)) {
        let text = format!("{number:>digits$}");
        for (place, digit) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
            let dots = DIGITS[usize::from(digit - b'0')];
            for dot in (0..15).filter(|dot| dots >> (14 - dot) & 1 == 1) {
                let (down, right) = (dot / 3 * DOT, (place * 4 + dot % 3) * DOT);
                for y in top + down..top + down + DOT {
                    let at = (y * self.width + left + right) * 3;
                    self.pixels[at..at + DOT * 3].fill(INK);
                }
            }
        }
    }

    fn row(&mut self, row: &Row, (top, left): (usize, usize), side: usize) {
        self.place(&row.original, (top, left), side);
        for (column, version) in row.versions.iter().enumerate() {
            self.place(version, (top, left + side + APART + column * (side + GAP)), side);
        }
    }

    /// Copies an RGB image into the middle of a square.
    fn place(&mut self, image: &Image, (top, left): (usize, usize), side: usize) {
        let (down, right) = ((side - image.height()) / 2, (side - image.width()) / 2);
        for (y, row) in image.pixels().chunks_exact(image.width() * 3).enumerate() {
            let at = ((top + down + y) * self.width + left + right) * 3;
            self.pixels[at..at + row.len()].copy_from_slice(row);
        }
    }
}

/// The image as RGB within a square of `side` pixels: made smaller smoothly, larger by whole factors.
pub fn fitted(image: &Image, side: usize) -> Image {
    let longer = image.height().max(image.width()).max(1);
    let (height, width, interpolation) = if longer <= side {
        let factor = side / longer;
        (image.height() * factor, image.width() * factor, Interpolation::Nearest)
    } else {
        let fit = |length: usize| (length * side / longer).max(1);
        (fit(image.height()), fit(image.width()), Interpolation::Bilinear)
    };
    let mut target = Image::default();
    let resizing = Resizing { height, width, interpolation, antialias: true };
    Resizer::default().resize(image.view(), resizing, &mut target);
    if target.channels() == 1 {
        functional::grayscale(&mut target, 3);
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview::Section;

    #[test]
    fn images_fit_their_squares() {
        for (height, width, side, expected) in
            [(5, 3, 20, (20, 12)), (40, 10, 20, (20, 5)), (1, 900, 20, (1, 20))]
        {
            let made = fitted(&Image::new(height, width, 1, vec![9; height * width]), side);
            assert_eq!((made.height(), made.width(), made.channels()), (expected.0, expected.1, 3));
        }
    }

    #[test]
    fn pictures_and_numbers_have_their_places() {
        let (side, shade) = (20, |shade| Image::new(20, 20, 3, vec![shade; 1200]));
        let row = |number: u8| Row {
            name: String::new(),
            class: String::new(),
            original: shade(number),
            versions: vec![shade(100 + number); 2],
        };
        let section = |rows: &[u8]| Section { transform: None, rows: rows.iter().map(|&n| row(n)).collect() };
        let preview =
            Preview { sections: vec![section(&[1, 2, 3, 4]), section(&[5, 6, 7, 8, 9, 10, 11])], side };
        let sheet = preview.sheet();
        let (digits, left) = (2 * 4 * DOT, APART + 2 * 4 * DOT + GAP);
        assert_eq!(sheet.width(), left + 20 + APART + 2 * 20 + GAP + APART);
        assert_eq!(sheet.height(), 3 * APART + 11 * 20 + 9 * GAP);
        let at = |y: usize, x: usize| sheet.pixels()[(y * sheet.width() + x) * 3];
        for number in 1..=11 {
            let top = APART + (number - 1) * (20 + GAP) + if number > 4 { APART - GAP } else { 0 };
            assert_eq!(at(top, left), number as u8);
            assert_eq!(at(top + 19, left + 19), number as u8);
            assert_eq!((at(top, left - 1), at(top, left + 20)), (GROUND, GROUND));
            assert_eq!(at(top, left + 20 + APART), 100 + number as u8);
            let ink = (top..top + 20).flat_map(|y| (APART..APART + digits).map(move |x| (y, x)));
            let ink = ink.filter(|&(y, x)| at(y, x) == INK).count();
            let dots = |digit: usize| DIGITS[digit].count_ones() as usize * DOT * DOT;
            let ten = if number > 9 { dots(1) } else { 0 };
            assert_eq!(ink, dots(number % 10) + ten, "{number}");
        }
    }
}
