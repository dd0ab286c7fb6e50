//! Bytes looked up in tables.

use crate::Image;

/// What every byte of a channel becomes.
pub(super) type Bytes = [u8; 256];

/// Looks every byte of `image` up in its channel's table.
pub(super) fn look_up(image: &mut Image, tables: &[Bytes; 3]) {
    if image.channels() == 1 {
        for byte in image.pixels_mut() {
            *byte = tables[0][usize::from(*byte)];
        }
        return;
    }
    let [red, green, blue] = tables;
    for [r, g, b] in image.pixels_mut().as_chunks_mut::<3>().0 {
        *r = red[usize::from(*r)];
        *g = green[usize::from(*g)];
        *b = blue[usize::from(*b)];
    }
}
