//! Distillation: learning from what another classifier says of the same images, beside their labels. Hinton, Vinyals and Dean,
//! "Distilling the Knowledge in a Neural Network" (2015).

mod digest;
mod loss;
mod sight;
mod teacher;
mod teaching;

pub use loss::Distillation;
pub use teacher::{Teacher, TeacherError};
pub use teaching::Teaching;
