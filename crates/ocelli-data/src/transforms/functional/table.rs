//! Bytes looked up in tables.

use ocelli_kernels::bytes;

use super::tools::isa;
use crate::Image;

/// What every byte of a channel becomes.
pub(super) type Bytes = [u8; 256];

/// Looks every byte of `image` up in its channel's table.
pub(super) fn look_up(image: &mut Image, tables: &[Bytes; 3]) {
    if image.channels() == 1 {
        return bytes::look_up(isa(), &tables[0], image.pixels_mut());
    }
    let [red, green, blue] = tables;
    for [r, g, b] in image.pixels_mut().as_chunks_mut::<3>().0 {
        *r = red[usize::from(*r)];
        *g = green[usize::from(*g)];
        *b = blue[usize::from(*b)];
    }
}
