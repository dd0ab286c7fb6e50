//! Where transforms write what they have drawn.

use ocelli_kernels::random::Stream;

use super::{Key, Operation};
use crate::{DataError, ErrorKind};

/// The operations that are drawn for one image, and the random numbers that they are drawn from.
///
/// It keeps account of the image's size, so that what is drawn next knows what it will see.
pub(crate) struct Drawing<'a> {
    key: Key,
    purpose: u64,
    stream: Stream,
    height: usize,
    width: usize,
    channels: usize,
    view: usize,
    operations: &'a mut Vec<Operation>,
}

/// Most pixels that a transform may make of an image.
const MAX_PIXELS: usize = 64 << 20;

impl<'a> Drawing<'a> {
    /// A drawing for an image of (height, width, channels). `purpose` sets the random numbers of one transform apart
    /// from those of all others.
    pub(crate) fn new(
        key: Key,
        purpose: u64,
        (height, width, channels): (usize, usize, usize),
        operations: &'a mut Vec<Operation>,
    ) -> Self {
        let stream = Stream::new(key.seed, purpose, key.epoch, key.sample);
        Self { key, purpose, stream, height, width, channels, view: 0, operations }
    }

    /// The same for another view of the image than its first.
    pub(crate) fn of_view(self, view: usize) -> Self {
        Self { view, ..self }
    }

    /// Which view of the image this is.
    pub(crate) fn view(&self) -> usize {
        self.view
    }

    /// Height and width of the image as the operations so far leave it.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// Channels of the image as the operations so far leave it.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.key.epoch
    }

    /// Adds an operation.
    ///
    /// # Errors
    /// If the image would become too large.
    pub(crate) fn push(&mut self, operation: Operation) -> Result<(), DataError> {
        let (height, width) = operation.output_size(self.size());
        // Resizing makes an image of the new width and the old height on its way.
        let between =
            if matches!(operation, Operation::Resize(_)) { height.max(self.height) } else { height };
        if between.saturating_mul(width) > MAX_PIXELS {
            return Err(DataError::about(
                ErrorKind::TooLarge,
                "transforms",
                format!(
                    "{}×{} pixels would become {width}×{height}, more than {MAX_PIXELS} of them, or on the way there: \
                     give both sides of the size",
                    self.width, self.height
                ),
            ));
        }
        (self.height, self.width) = (height, width);
        self.channels = operation.output_channels(self.channels);
        self.operations.push(operation);
        Ok(())
    }

    /// Takes the operations that were added after `first` out again, for an operation that is made of them.
    pub(crate) fn split_off(&mut self, first: usize, size: (usize, usize)) -> Vec<Operation> {
        (self.height, self.width) = size;
        self.operations.split_off(first)
    }

    /// How many operations there are.
    pub(crate) fn len(&self) -> usize {
        self.operations.len()
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f32) -> bool {
        self.stream.uniform() < p
    }

    /// A number uniform in `low..high`.
    pub(crate) fn uniform(&mut self, (low, high): (f64, f64)) -> f64 {
        low + (high - low) * f64::from(self.stream.uniform())
    }

    /// A whole number uniform in `0..count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.stream.below(count) as usize
    }

    /// `0..count` in random order, into `order`.
    pub(crate) fn shuffle(&mut self, order: &mut [usize]) {
        for last in (1..order.len()).rev() {
            order.swap(last, self.below(last + 1));
        }
    }

    /// A key for random numbers that are drawn only when the operation is done.
    pub(crate) fn seed(&mut self) -> u64 {
        self.stream.next_u64()
    }

    /// The stream itself, for distributions of their own.
    pub(crate) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// True for half of the samples, the same in every epoch.
    pub(crate) fn half_of_the_samples(&self) -> bool {
        Stream::new(self.key.seed, self.purpose, u64::MAX, self.key.sample).uniform() < 0.5
    }
}
