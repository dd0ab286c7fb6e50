//! An image while operations are done to it.

use super::functional::{Mix, Resizing, Table, Tools};
use super::operation::Operation;
use super::window::Window;
use crate::{Image, ImageView, Place};

/// The buffers that running transforms needs, kept between images.
#[derive(Debug, Default)]
pub struct Workspace {
    pub(super) tools: Tools,
    /// The image, once something had to be made of it.
    current: Image,
    /// What the next is made in.
    spare: Image,
    /// What was drawn for it.
    pub(super) operations: Vec<Operation>,
    /// What images are read into that are not kept.
    pub(crate) lent: Vec<u8>,
    /// Whether numbers go past the caches: if much else is made before they are read.
    pub(crate) streams: bool,
    /// For what is made beside it.
    inner: Option<Box<Workspace>>,
}

/// An image while operations are done to it: crops and flips are put off until something must look at the pixels, and then
/// are done together.
pub(super) struct Canvas<'a, 'w> {
    /// The image that came in, as long as nothing was made of it; then what was made is `workspace.current`.
    source: Option<ImageView<'a>>,
    /// What of it is seen.
    window: Window,
    /// Where the pixels at hand belong in the image that came in, until it was cropped to them.
    place: Place,
    workspace: &'w mut Workspace,
}

impl<'a, 'w> Canvas<'a, 'w> {
    pub(super) fn new(image: ImageView<'a>, workspace: &'w mut Workspace) -> Self {
        Self::of_portion(image, Place::whole((image.height(), image.width())), workspace)
    }

    /// Of an image that is not all at hand. The first operation must be a crop to what is, and be followed by resizing if that is
    /// reduced.
    pub(super) fn of_portion(image: ImageView<'a>, place: Place, workspace: &'w mut Workspace) -> Self {
        let (height, width) = place.whole;
        Self { source: Some(image), window: Window::whole(height, width), place, workspace }
    }

    /// Height, width and channels.
    pub(super) fn shape(&self) -> (usize, usize, usize) {
        let channels = self.source.map_or(self.workspace.current.channels(), ImageView::channels);
        (self.window.height, self.window.width, channels)
    }

    /// Does an operation.
    pub(super) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Crop { top, left, height, width, fill } => {
                self.crop((*top, *left), (*height, *width), *fill);
            }
            Operation::HorizontalFlip => self.window = self.window.flip_horizontally(),
            Operation::VerticalFlip => self.window = self.window.flip_vertically(),
            Operation::Resize(resizing) => self.resize(*resizing),
            Operation::Geometry(geometry) => {
                self.settle_window();
                let Workspace { tools, current, spare, .. } = self.workspace;
                geometry.apply(self.source.unwrap_or_else(|| current.view()), spare, tools);
                self.took_spare();
            }
            Operation::Colour(colour) => {
                let can_wait = self.source.is_none() && self.window.only_flips(self.workspace.current.view());
                if !(can_wait && colour.sees_no_places()) {
                    self.settle();
                }
                colour.apply(&mut self.workspace.current, &mut self.workspace.tools);
            }
            Operation::Mix(mix) => self.mix(mix),
        }
    }

    fn crop(&mut self, at: (isize, isize), size: (usize, usize), fill: [u8; 3]) {
        self.window = self.window.crop(at, size, fill).unwrap_or_else(|| {
            self.materialise();
            let window = self.window.crop(at, size, fill);
            window.expect("a window without fill takes any")
        });
        if self.place.reduction == 1 {
            let (top, left) = (std::mem::take(&mut self.place.top), std::mem::take(&mut self.place.left));
            self.window = self.window.moved(top, left);
        }
    }

    fn resize(&mut self, resizing: Resizing) {
        let by = std::mem::replace(&mut self.place.reduction, 1);
        if by > 1 {
            return self.resize_reduced(resizing, by);
        }
        if (resizing.height, resizing.width) == (self.window.height, self.window.width) {
            return;
        }
        let part = self.window.part().unwrap_or_else(|| {
            self.materialise();
            self.window.part().expect("a whole image is a part of itself")
        });
        let Workspace { tools, current, spare, .. } = self.workspace;
        let image = self.source.unwrap_or_else(|| current.view());
        tools.resizer.resize_part(image, part, resizing, spare);
        self.took_spare();
    }

    /// Resizes what is at hand, `by` times smaller than what the window shows.
    fn resize_reduced(&mut self, resizing: Resizing, by: usize) {
        let image = self.source.expect("nothing was made of it but a crop");
        let part = self.window.part().expect("a crop within the image");
        self.workspace.tools.resizer.resize_reduced(image, part, by, resizing, &mut self.workspace.spare);
        self.took_spare();
    }

    /// Mixes the image with what chains of operations make of it, rounding as torchvision does.
    fn mix(&mut self, mix: &Mix) {
        self.settle();
        let Workspace { current, tools, inner, .. } = self.workspace;
        let [sums, ..] = &mut tools.numbers;
        sums.clear();
        sums.extend(current.pixels().iter().map(|byte| mix.original * f32::from(*byte)));
        let inner = inner.get_or_insert_default();
        for chain in &mix.chains {
            let mut canvas = Canvas::new(current.view(), inner);
            chain.operations.iter().for_each(|operation| canvas.apply(operation));
            canvas.settle();
            for (sum, byte) in sums.iter_mut().zip(inner.current.pixels()) {
                *sum += chain.weight * f32::from(*byte);
            }
        }
        for (byte, sum) in current.pixels_mut().iter_mut().zip(sums) {
            *byte = sum.clamp(0.0, 255.0) as u8;
        }
    }

    /// Makes what the window shows, unless it is the whole image.
    fn settle_window(&mut self) {
        let whole = match self.source {
            Some(image) => Window::whole(image.height(), image.width()),
            None => Window::whole(self.workspace.current.height(), self.workspace.current.width()),
        };
        if self.window != whole {
            self.materialise();
        }
    }

    /// Makes what the window shows, in a buffer that may be changed.
    fn settle(&mut self) {
        if self.source.is_some() { self.materialise() } else { self.settle_window() }
    }

    fn materialise(&mut self) {
        let Workspace { current, spare, .. } = self.workspace;
        self.window.materialise(self.source.unwrap_or_else(|| current.view()), spare);
        self.took_spare();
    }

    /// What was made in the spare buffer is the image now.
    fn took_spare(&mut self) {
        let Workspace { current, spare, .. } = self.workspace;
        std::mem::swap(current, spare);
        self.source = None;
        self.window = Window::whole(current.height(), current.width());
    }

    /// Gives the list of operations back to the workspace, for the next image.
    pub(super) fn keep(&mut self, operations: Vec<Operation>) {
        self.workspace.operations = operations;
    }

    /// Writes the numbers that `table` has for the pixels to `out`.
    pub(super) fn render(&mut self, table: &Table, out: &mut [f32]) {
        let Workspace { tools, current, streams, .. } = &mut *self.workspace;
        let image = self.source.unwrap_or_else(|| current.view());
        if *streams {
            self.window.stream(image, table, &mut tools.numbers[0], out);
        } else {
            self.window.render(image, table, out);
        }
    }

    /// The image.
    pub(super) fn into_image(self) -> Image {
        let mut target = Image::default();
        let image = self.source.unwrap_or_else(|| self.workspace.current.view());
        self.window.materialise(image, &mut target);
        target
    }
}
